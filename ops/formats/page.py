"""The reference part of docs/ingest.md, written from the registries and the table of reasons:
`python -m ops.formats.page docs/ingest.md` puts it between the page's two markers."""

import inspect
import sys
from pathlib import Path

from ops.formats.manifests.registry import all_manifests
from ops.formats.registry import all_containers, all_formats
from ops.intake.reasons import REASONS
from ops.intake.rows import IngestSettings

START, END = "<!-- generated: formats and reasons -->", "<!-- end of the generated part -->"


def reference() -> str:
    """Formats, containers and reasons as Markdown."""
    lines = ["## Formats", "", "| name | what a row is |", "|---|---|"]
    lines += [f"| `{item.name}` | {_page(item.parse)} |" for item in all_formats().values()]
    lines += ["", "## Containers", "", "| name | what a file is |", "|---|---|"]
    lines += [f"| `{item.name}` | {_page(item.read)} |" for item in all_containers().values()]
    lines += ["", "## Manifests of trainers", "", "| name | what it is and what is read of it |", "|---|---|"]
    lines += [f"| `{item.name}` | {_page(item.find)} |" for item in all_manifests().values()]
    default = IngestSettings().repairs
    lines += ["", "## Reasons", "", "| code | what is wrong | what to do | what `ingest.repairs` does instead |"]
    lines += ["|---|---|---|---|"]
    for reason in REASONS.values():
        repair = reason.repair + (" (by default)" if reason.code in default else "")
        lines.append(f"| `{reason.code}` | {_cell(reason.title)} | {_cell(reason.advice)} | {_cell(repair)} |")
    return "\n".join(lines)


def with_reference(text: str) -> str:
    """The page with its reference part made anew."""
    before, _, rest = text.partition(START)
    return f"{before}{START}\n{reference()}\n{END}{rest.partition(END)[2]}"


def _page(function: object) -> str:
    module = inspect.getmodule(function)
    return _cell(" ".join(((module and module.__doc__) or "").split()))


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<image>", "`<image>`").replace("``<image>``", "`<image>`")


if __name__ == "__main__":
    page = Path(sys.argv[1])
    page.write_text(with_reference(page.read_text("utf-8")), "utf-8")
