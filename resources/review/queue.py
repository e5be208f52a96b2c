"""The queue of what a version holds back for a person to look at, written as pages."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ops.core.arrow import column_values
from ops.core.identity import fingerprint
from ops.core.schemas import EXAMPLES
from ops.core.version_schemas import VERDICTS
from ops.decision.overruling import DROP, KEEP
from ops.decision.policy import Action
from ops.decision.versions import Version
from ops.report.review_page import Choice, ReviewItem, ReviewQueue, review_page
from resources.lake.tables import Lake
from resources.report.examples import Detail, read_page_examples
from resources.report.flow_figures import admissions
from resources.review.evidence import places_of, regions_of, twins_of
from resources.versions.person_decisions import standing_decisions

#: Rows of one page: some ten megabytes of pictures.
PAGE_ROWS = 200
WHOLE = Detail(pictures=6, turns=60, reasons=12, lines=6, text=6000, side_px=900)
_CHOICES = (Choice(KEEP, "k"), Choice(DROP, "d"))


@dataclass(frozen=True, slots=True)
class Queue:
    """The pages that were written, how many examples they show, and how many of the version's held ones are left out
    because a person decided on them since."""

    version: int
    pages: tuple[Path, ...]
    examples: int
    decided: int


def write_queue(lake: Lake, version: Version, folder: Path, *, page_rows: int = PAGE_ROWS) -> Queue:
    """Writes the pages of the examples that the version holds into the folder, which is made where it is not there;
    pages that an earlier call wrote there of this version are written over."""
    where = {"version": version.number, "action": str(Action.HOLD)}
    held = sorted(column_values(lake.read(VERDICTS, where=where, columns=["example_id"]), "example_id", str))
    decided = standing_decisions(lake)
    ids = [example for example in held if example not in decided]
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob(f"review-{version.number}-*.html"):
        old.unlink()
    pages: list[Path] = []
    for at, own in enumerate(_pages(ids, page_rows), 1):
        pages.append(folder / f"review-{version.number}-{at:03d}.html")
        title = f"Version {version.number}: {len(ids)} examples held" + (f", page {at}" if len(ids) > page_rows else "")
        pages[-1].write_text(review_page(_queue(version, title, at), read_items(lake, version, own)), "utf-8")
    return Queue(version.number, tuple(pages), len(ids), len(held) - len(ids))


def read_items(lake: Lake, version: Version, ids: Sequence[str], *, blind: bool = False) -> list[ReviewItem]:
    """The examples of the ids, which the version judged, as they are reviewed; of `blind` ones no evidence."""
    deliveries: list[str] = list(version.row["deliveries"] or ())
    measures: dict[str, str] = {} if blind else json.loads(version.row["measures"] or "{}")
    drops = {delivery: row["drop"] for delivery, row in admissions(lake, deliveries).items()}
    twins = twins_of(lake, ids, measures)
    wanted = sorted({*ids, *(other for pairs in twins.values() for _, other in pairs)})
    examples = read_page_examples(
        lake, version.number, wanted, deliveries=deliveries, measures=measures, drops=drops, detail=WHOLE
    )
    regions = {} if blind else regions_of(lake, ids, deliveries=deliveries, measures=measures)
    listed = [examples[example] for example in ids if example in examples]
    places = places_of(lake, listed, deliveries=deliveries, measures=measures)
    contents = _contents(lake, ids, deliveries)
    return [
        ReviewItem(
            example=example,
            content_id=contents[example.example_id],
            regions=regions.get(example.example_id, ()),
            twins=tuple(
                (audit, examples[other]) for audit, other in twins.get(example.example_id, ()) if other in examples
            ),
            places=places.get(example.example_id, ()),
        )
        for example in listed
    ]


def _queue(version: Version, title: str, page: int) -> ReviewQueue:
    file = f"decisions-{version.number}-{page:03d}.csv"
    return ReviewQueue(
        identity=fingerprint("hold", version.content),
        title=title,
        lead="Press k to keep and d to drop. What you type stays in this browser until you export it; then run "
        f"assay review --take {file} --by NAME.",
        file=file,
        column="decision",
        choices=_CHOICES,
    )


def _contents(lake: Lake, ids: Sequence[str], deliveries: Sequence[str]) -> dict[str, str]:
    where = {"delivery": list(deliveries), "example_id": list(ids)}
    rows: list[dict[str, Any]] = lake.read(EXAMPLES, where=where, columns=["example_id", "content_id"]).to_pylist()
    return {row["example_id"]: row["content_id"] for row in rows}


def _pages(ids: Sequence[str], rows: int) -> Iterator[Sequence[str]]:
    # An empty queue has a page too, which says so.
    yield from (ids[at : at + rows] for at in range(0, len(ids) or 1, rows))
