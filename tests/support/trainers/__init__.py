"""Scripts that load rows with a trainer's own loader, or with a reader written after it. Each is run by the Python of
that trainer's environment (`infra/trainers.sh`), imports nothing of this project, and prints a JSON object a row.

`NAME_loader.py` loads an export; `tests.support.loaders` runs them and says what the objects hold. `NAME_rows.py`,
`NAME_pairs.py` and `NAME_prompts.py` read a file of hostile rows, one by one; `tests.support.trainer_outcomes` runs
them. Their arguments are the model's folder, the file, and what the trainer wants to know beside; of each row they say
`row` (its number), `outcome` (read, dropped, replaced, crashed), and of what is read `tokens`, `answer_tokens` (those
with a label), `image_tokens` (placeholders) and `features` (tokens' worth of pictures that the model would get)."""
