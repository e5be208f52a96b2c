"""The entry point of the `assay` command. Its commands are imported when they are called."""

from pipelines.app import app


def main() -> None:
    """Entry point of the `assay` command."""
    app()
