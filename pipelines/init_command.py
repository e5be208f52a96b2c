"""`assay init`: something to begin with."""

import shutil
from typing import Annotated

import typer

from ops.core.errors import UnusableError
from ops.demo.build import build
from pipelines.app import DebugOption, JsonOption, app, print_json
from pipelines.faults import out
from resources.config.places import local_path
from resources.config.settings import SHIPPED

_CONVERSATIONS = 60


@app.command()
def init(
    folder: Annotated[str, typer.Argument(help="Folder to write to; made where it is not there.")] = ".",
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Writes an assay.yaml to edit and a small drop to try.

    The file has every setting at its default with a comment. The drop is of easy-VQA, with a few planted faults. What
    is there already is not written over.
    """
    place = local_path(folder, "the folder")
    settings, drop = place / "assay.yaml", place / "arriving" / "sample"
    if there := [path for path in (settings, drop) if path.exists()]:
        raise UnusableError(f"{there[0]} is there already; name another folder, or remove it")
    place.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(SHIPPED, settings)
    faults = place / "sample-faults.jsonl"
    build(drop, record=faults, conversations=_CONVERSATIONS)
    (drop / "_SUCCESS").touch()
    if as_json:
        print_json({"settings": settings, "drop": drop, "faults": faults})
        return
    out.print(f"settings      {settings}", soft_wrap=True)
    out.print(f"a drop        {drop}", soft_wrap=True)
    out.print(f"its faults    {faults}", soft_wrap=True)
    out.print(f"next          assay run {drop} --lake {place / 'lake'} --config {settings}", soft_wrap=True)
