"""Scripts that read hostile rows with a trainer's own loader, one by one, and say what became of each. Each is run by
the Python that has the trainer and imports nothing of this project.

Arguments: the model's folder, the file of the rows, the most tokens of a sequence and, for ms-swift, what it does
with longer ones. Each prints a JSON object a row: `row` (its number), `outcome` (read, dropped, replaced, crashed),
and of what is read `tokens`, `answer_tokens` (those with a label), `image_tokens` (placeholders) and `features`
(tokens' worth of pictures that the model would get). `tests.support.trainer_outcomes` runs them."""
