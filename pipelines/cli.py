"""The entry point of the `assay` command: the application with all of its commands."""

from pipelines.app import app


def load_commands() -> None:
    """Imports the modules that add their commands to `app`."""
    from pipelines import (  # noqa: F401
        backfill_command,
        demo_command,
        doctor_command,
        drop_commands,
        export_command,
        migrate_command,
        preflight_command,
        question_commands,
        reward_command,
        run_command,
        version_commands,
    )


def main() -> None:
    """Entry point of the `assay` command."""
    load_commands()
    app()
