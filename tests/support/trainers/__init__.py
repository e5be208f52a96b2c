"""Scripts that load an export with a trainer's own loader. Each is run by the Python of that trainer's environment
(`infra/trainers.sh`), imports nothing of this project, and prints a JSON object a row; `tests.support.loaders` runs
them and says what the objects hold."""
