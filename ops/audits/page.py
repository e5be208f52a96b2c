"""The reference part of docs/measures.md, written from the registry: `python -m ops.audits.page docs/measures.md` puts
it between the page's two markers."""

import sys
from pathlib import Path

import pyarrow as pa

from ops.audits.contract import Audit
from ops.audits.ranges import ANY, range_of
from ops.audits.registry import all_audits
from ops.core.arrow_types import AnyField, fields, member_type

START, END = "<!-- generated: audits -->", "<!-- end of the generated part -->"


def reference(pictures: Path) -> str:
    """The table of audits, then each with what it says of itself, its picture of that folder if there is one (made by
    `benchmarks/pictures.py`), its columns with the ranges of their values, and its settings."""
    lines = ["## The audits", "", "| audit | looks for | one row is | sees at once |", "|---|---|---|---|"]
    lines += [f"| [`{a.name}`](#{a.name}) | {a.title} | a {a.grain} | a {a.scope} |" for a in all_audits().values()]
    for audit in all_audits().values():
        lines += ["", f"### {audit.name}", "", audit.page, ""]
        if (pictures / f"{audit.name}.png").exists():
            lines += [f"![An example that it caught, and one not]({pictures.name}/{audit.name}.png)", ""]
        lines += _columns(audit)
    return "\n".join(lines)


def _columns(audit: Audit) -> list[str]:
    columns = ", ".join(f"`{column.name}` ({_values(column)})" for column in fields(audit.columns))
    lines = [f"Table `{audit.table.name}`: {columns}."]
    if audit.settings is not None:
        named = ", ".join(f"`{name}`" for name in audit.settings.__dataclass_fields__)
        lines += ["", f"Settings, under `audits.{audit.name}` in assay.yaml: {named}."]
    return lines


def _values(column: AnyField) -> str:
    """The type of a column, and the range of its numbers."""
    kind = f"list of {member_type(column.type)}" if pa.types.is_list(column.type) else str(column.type)
    declared = range_of(column)
    return kind if declared is None or declared == ANY else f"{kind}, {declared}"


def with_reference(text: str, pictures: Path) -> str:
    """The page with its reference part made anew."""
    before, _, rest = text.partition(START)
    return f"{before}{START}\n{reference(pictures)}\n{END}{rest.partition(END)[2]}"


if __name__ == "__main__":
    page = Path(sys.argv[1])
    page.write_text(with_reference(page.read_text("utf-8"), page.parent / "pictures"), "utf-8")
