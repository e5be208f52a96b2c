"""A version as Dagster shows it: beside the versions before it, and what it removes as a sheet of pictures."""

import heapq
import json
from collections.abc import Sequence

from ops.core.version_schemas import VERDICTS
from ops.decision.versions import Version, without_measures
from ops.report.audit_data import ShownExample
from ops.report.thumbnails import data_uri
from resources.lake.tables import Lake
from resources.report.examples import read_page_examples
from resources.report.flow_figures import admissions, contradiction_rows, modality_rows
from resources.versions.publishing import version_of, versions

#: Versions that the history shows, and pictures of the sheet and of a row of it.
HISTORY, SHEET, ACROSS = 10, 16, 4
#: Examples among which those with a picture are looked for.
_TRIED = 4 * SHEET


def version_history(lake: Lake, number: int) -> list[dict[str, str | int | float]]:
    """The version and those begun before it, the last first: what came in, what stays, the share of visual examples,
    and of judgements that contradict others (1 is all; -1 where nothing says)."""
    begun = [version for version in versions(lake) if version.number <= number and version.state != "removed"]
    return [_line(lake, version) for version in reversed(begun[-HISTORY:])]


def _line(lake: Lake, version: Version) -> dict[str, str | int | float]:
    deliveries = list(version.row["deliveries"] or ())
    measures: dict[str, str] = json.loads(version.row["measures"] or "{}")
    admitted = admissions(lake, deliveries)
    modality = modality_rows(lake, admitted, measures, without_measures(version.left_out))
    rates = [rate for rate in contradiction_rows(lake, measures, {}) if rate.kind == "any"]
    visual = sum(row.examples for row in modality if row.modality != "text")
    return {
        "version": version.number,
        "state": version.state,
        "at": f"{version.made:%Y-%m-%d %H:%M}",
        "drops": len(deliveries),
        "examples": version.counts.get("examples", 0),
        "kept": version.counts.get("curated", 0),
        "visual share": _share(visual, sum(row.examples for row in modality)),
        "contradictory share": _share(sum(rate.contradictory for rate in rates), sum(rate.judged for rate in rates)),
    }


def _share(part: int, whole: int) -> float:
    return round(part / whole, 4) if whole else -1.0


def removed_sheet(lake: Lake, number: int) -> str:
    """Markdown: the pictures of up to SHEET visual examples that the version leaves out, those first against which most
    rules speak, each over the rules' names. Empty where it leaves out none."""
    worst: list[tuple[int, str]] = []
    names = ["example_id", "action", "reasons"]
    for batch in lake.batches(VERDICTS, where={"version": number, "action": ["drop", "hold"]}, columns=names):
        rows = ((len(row["reasons"] or ()), row["example_id"]) for row in batch.to_pylist())
        worst = heapq.nlargest(_TRIED, [*worst, *rows])
    deliveries = list(version_of(lake, number).row["deliveries"] or ())
    ids = [example_id for _, example_id in worst]
    examples = read_page_examples(lake, number, ids, deliveries=deliveries, measures={}, drops={})
    pictured = [examples[i] for i in ids if i in examples and any(p.jpeg for p in examples[i].pictures)]
    return _sheet(pictured[:SHEET])


def _sheet(examples: Sequence[ShownExample]) -> str:
    cells = [_cell(example) for example in examples]
    rows = [cells[at : at + ACROSS] for at in range(0, len(cells), ACROSS)]
    head = ["|" + " |" * ACROSS, "|" + "---|" * ACROSS] if rows else []
    return "\n".join([*head, *("| " + " | ".join(row) + " |" for row in rows)])


def _cell(example: ShownExample) -> str:
    """Nothing of the data's own text is in it, which would be markup there."""
    jpeg = next(picture.jpeg for picture in example.pictures if picture.jpeg)
    rules = ", ".join(sorted({f"`{reason.rule}`" for reason in example.reasons}))
    return f"![{example.example_id}]({data_uri(jpeg)})<br>{example.action}: {rules}"
