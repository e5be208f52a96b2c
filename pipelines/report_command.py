"""`assay report`: the page of a version; apart from the questions to versions, which need none of what it imports."""

from typing import Annotated

import typer

from ops.core.errors import MissingError
from pipelines.app import DebugOption, JsonOption, LakeOption, app, print_json
from pipelines.faults import out
from pipelines.version_commands import lake_at
from resources.report.report import make_report
from resources.versions.publishing import current_version, version_of


@app.command()
def report(
    version: Annotated[int | None, typer.Argument(help="Left out: the current version.")] = None,
    lake: LakeOption = "lake",
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Writes the report of a version, one HTML page, and says where it is."""
    store = lake_at(lake)
    number = current_version(store) if version is None else version_of(store, version).number
    if number is None:
        raise MissingError("no version has been published yet; `assay run DROP` makes one")
    page = make_report(store, number)
    if as_json:
        print_json({"version": number, "report": page})
        return
    out.print(page, soft_wrap=True, highlight=False)
