"""The `assay` command line: a thin layer over the Dagster jobs and the lake."""

import json
import sys
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from ops.core.printable import printable_json
from pipelines.faults import DONE, out, reporting_errors
from pipelines.lazy_commands import lazy

if TYPE_CHECKING:
    from resources.config.settings import Settings


class Command(TyperCommand):
    """A command whose errors are said in one line, with the exit status that fits."""

    def invoke(self, ctx: Any) -> Any:
        """Runs the command. A demo keeps its lake in its folder."""
        given = ctx.params
        lake = given.get("lake") or (Path(given["folder"]) / "lake" if "folder" in given else None)
        with reporting_errors(lake, debug=given.get("debug", False)):
            return super().invoke(ctx)


class App(typer.Typer):
    """The application: each of its commands reports its errors, so that none can forget to."""

    def command(self, name: str | None = None, **options: Any) -> Callable[[Any], Any]:
        """Typer's decorator."""
        return super().command(name, cls=Command, **options)


#: The module that adds each command.
COMMANDS = {
    "init": "pipelines.init_command",
    "run": "pipelines.run_command",
    "status": "pipelines.drop_commands",
    "backfill": "pipelines.backfill_command",
    "withdraw": "pipelines.drop_commands",
    "versions": "pipelines.version_commands",
    "diff": "pipelines.version_commands",
    "why": "pipelines.question_commands",
    "rollback": "pipelines.version_commands",
    "review": "pipelines.review_command",
    "sample": "pipelines.label_commands",
    "calibrate": "pipelines.label_commands",
    "export": "pipelines.export_command",
    "preflight": "pipelines.preflight_command",
    "report": "pipelines.report_command",
    "reward": "pipelines.reward_command",
    "checkpoint": "pipelines.checkpoint_command",
    "doctor": "pipelines.doctor_command",
    "migrate": "pipelines.migrate_command",
    "vacuum": "pipelines.question_commands",
    "demo": "pipelines.demo_command",
}
POLICY_COMMANDS = {
    "try": "pipelines.question_commands",
    "worth": "pipelines.policy_commands",
    "suggest": "pipelines.policy_commands",
    "override": "pipelines.policy_commands",
}

app = App(
    name="assay",
    cls=lazy(COMMANDS, lambda: app),
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
policy_app = App(
    cls=lazy(POLICY_COMMANDS, lambda: policy_app),
    help="The policy: what is done with what was measured.",
    no_args_is_help=True,
)
app.add_typer(policy_app, name="policy")

LakeOption = Annotated[
    str,
    typer.Option("--lake", envvar="ASSAY_LAKE", help="Folder of the lake, or its address, such as s3://bucket/lake."),
]
ConfigOption = Annotated[
    Path | None, typer.Option("--config", envvar="ASSAY_CONFIG", help="An assay.yaml; left out: the shipped one.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for a program to read.")]
DebugOption = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]


def _say_version(asked: bool) -> None:
    if asked:
        from resources.versions.code_identity import code_identity

        out.print(f"assay {version('assay')}, code {code_identity()}", highlight=False)
        raise typer.Exit(DONE)


@app.callback()
def assay(
    _: Annotated[
        bool, typer.Option("--version", callback=_say_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Audits image-text instruction data before a model is trained on it, and publishes what is worth keeping."""


def settings_of(config: Path | None, overrides: Mapping[str, Any] | None = None) -> "Settings":
    """The settings of that file, with some values replaced."""
    from resources.config.settings import load_settings  # every audit declares some, and Arrow with them

    return load_settings(config, overrides)


def print_json(value: object) -> None:
    """Writes a value as JSON to standard output."""
    sys.stdout.write(printable_json(json.dumps(value, indent=2, default=str, ensure_ascii=False)) + "\n")
