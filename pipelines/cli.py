"""The `assay` command line: a thin layer over the Dagster jobs and the lake."""

import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from ops.drop_files import DropError
from resources.publishing import PublishError
from resources.settings import Settings, SettingsError, load_settings

app = typer.Typer(
    name="assay",
    help="Audits image-text instruction data before a model is trained on it, and publishes what is worth keeping.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
policy_app = typer.Typer(help="The policy: what is done with what was measured.", no_args_is_help=True)
app.add_typer(policy_app, name="policy")

DONE, FAILED, WRONG_USAGE = 0, 1, 2

LakeOption = Annotated[
    str,
    typer.Option("--lake", envvar="ASSAY_LAKE", help="Folder of the lake, or its address, such as s3://bucket/lake."),
]
ConfigOption = Annotated[
    Path | None, typer.Option("--config", envvar="ASSAY_CONFIG", help="An assay.yaml; left out: the shipped one.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for a program to read.")]
DebugOption = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]

out = Console()
err = Console(stderr=True)


class UnusableError(Exception):
    """Something the user asked for cannot be done; the message says why and what to do."""


@contextmanager
def told(*, debug: bool = False) -> Iterator[None]:
    """Turns errors into one clear line and the exit status that fits."""
    try:
        yield
    except SettingsError as error:
        _stop(str(error), WRONG_USAGE)
    except (DropError, PublishError, UnusableError, LookupError, FileNotFoundError, ValueError) as error:
        if debug:
            raise
        _stop(error.args[0] if isinstance(error, LookupError) and error.args else str(error), FAILED)


def _stop(message: str, status: int) -> None:
    err.print(f"[bold red]error:[/] {_plain(message)}", highlight=False, soft_wrap=True)
    raise typer.Exit(status)


def _plain(message: str) -> str:
    return message.replace("[", r"\[")


def settings_of(config: Path | None, overrides: Mapping[str, Any] | None = None) -> Settings:
    """The settings of that file, with some values replaced; its path also reaches the runs that Dagster starts."""
    if config is not None:
        os.environ["ASSAY_CONFIG"] = str(config.absolute())
    return load_settings(config, overrides)


def print_json(value: Any) -> None:
    """Writes a value as JSON to standard output."""
    json.dump(value, sys.stdout, indent=2, default=str, ensure_ascii=False)
    sys.stdout.write("\n")


def load_commands() -> None:
    """Imports the modules that add their commands to `app` (they import this one)."""
    from pipelines import (  # noqa: F401
        demo_command,
        doctor_command,
        drop_commands,
        export_command,
        question_commands,
        run_command,
        version_commands,
    )


def main() -> None:
    """Entry point of the `assay` command."""
    load_commands()
    app()
