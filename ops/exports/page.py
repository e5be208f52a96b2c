"""The reference part of docs/exports.md, written from the registry: `python -m ops.exports.page docs/exports.md` puts
it between the page's two markers."""

import inspect
import sys
from pathlib import Path

from ops.exports.contract import PREFERENCE, PROMPT, SFT, Export
from ops.exports.registry import all_exports

_KINDS = {SFT: "SFT", PREFERENCE: "preferences", PROMPT: "prompts of RL"}
START, END = "<!-- generated: formats -->", "<!-- end of the generated part -->"


def reference() -> str:
    """What every format carries, what reads it back, and what is written, as Markdown."""
    heads = ("`--to`", "for", "holds", "answers without loss, or of a weight of their own", "weights of examples")
    lines = [f"| {' | '.join(heads)} | pictures | read back by |", "|---|---|---|---|---|---|---|"]
    lines += [f"| {' | '.join(_columns(export))} |" for export in all_exports().values()]
    lines += ["", "| `--to` | what is written |", "|---|---|"]
    lines += [f"| `{export.name}` | {_page(export)} |" for export in all_exports().values()]
    return "\n".join(lines)


def with_reference(text: str) -> str:
    """The page with its reference part made anew."""
    before, _, rest = text.partition(START)
    return f"{before}{START}\n{reference()}\n{END}{rest.partition(END)[2]}"


def _columns(export: Export) -> list[str]:
    masked = "carried" if export.masks_answers else "left out"
    return [
        f"`{export.name}`",
        export.title,
        ", ".join(_KINDS[kind] for kind in export.kinds),
        masked if SFT in export.kinds else "",
        export.weights,
        "files" if export.pictures_beside else "in the rows",
        export.proof,
    ]


def _page(export: Export) -> str:
    module = inspect.getmodule(export.write)
    return " ".join(((module and module.__doc__) or "").split()).replace("|", "\\|")


if __name__ == "__main__":
    page = Path(sys.argv[1])
    page.write_text(with_reference(page.read_text("utf-8")), "utf-8")
