"""`assay review`: what a version holds back, for a person to look at; and their decisions, taken into the lake."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from ops.core.errors import MissingError
from ops.decision.versions import Version
from pipelines.app import DebugOption, JsonOption, LakeOption, app, print_json
from pipelines.faults import out
from pipelines.version_commands import lake_at
from resources.lake.tables import Lake
from resources.review.queue import write_queue
from resources.review.taking import take_decisions
from resources.versions.publishing import current_version, version_of

LATEST = "latest"
VersionArgument = Annotated[str, typer.Argument(metavar="VERSION|latest", help="Left out: the current version.")]


@app.command()
def review(
    version: VersionArgument = LATEST,
    lake: LakeOption = "lake",
    folder: Annotated[Path, typer.Option("--out", help="Folder that the pages are written into.")] = Path("review"),
    take: Annotated[Path | None, typer.Option("--take", metavar="CSV", help="Decisions that a page exported.")] = None,
    by: Annotated[str, typer.Option("--by", metavar="NAME", help="Who decided; with --take.")] = "",
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Writes the examples that a version holds back as pages to decide on, offline, with keys; --take takes the
    decisions in, which outrank the rules in the next version."""
    store = lake_at(lake)
    if take is not None:
        _take(store, take, by, as_json=as_json)
        return
    queue = write_queue(store, asked_version(store, version), folder)
    if as_json:
        print_json(asdict(queue))
        return
    decided = f"; on {queue.decided} more a person has decided" if queue.decided else ""
    out.print(f"Version {queue.version} holds {queue.examples} examples to look at{decided}.", highlight=False)
    for page in queue.pages:
        out.print(str(page), soft_wrap=True, highlight=False)


def _take(lake: Lake, path: Path, by: str, *, as_json: bool) -> None:
    changed, read = take_decisions(lake, path, by=by)
    if as_json:
        print_json({"decisions": read, "changed": changed})
        return
    known = f"; {read - changed} held already" if read > changed else ""
    out.print(f"Took {changed} decisions{known}. They count in the next version.", highlight=False)


def asked_version(lake: Lake, asked: str) -> Version:
    """The version of that number, or the current one. BadParameter where it is neither a number nor `latest`."""
    if asked == LATEST:
        number = current_version(lake)
        if number is None:
            raise MissingError("no version has been published yet; `assay run DROP` makes one")
        return version_of(lake, number)
    if not asked.isdecimal():
        raise typer.BadParameter(f"{asked!r} is neither a number nor {LATEST!r}", param_hint="VERSION")
    return version_of(lake, int(asked))
