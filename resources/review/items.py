"""Examples of a version as reviewers see them, with their evidence or blind, page by page."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from ops.core.schemas import EXAMPLES
from ops.decision.versions import Version
from ops.report.review_page import ReviewItem
from resources.lake.tables import Lake
from resources.report.examples import Detail, read_page_examples
from resources.report.flow_figures import admissions
from resources.review.evidence import places_of, regions_of, twins_of

#: Rows of one page: some ten megabytes of pictures.
PAGE_ROWS = 200
WHOLE = Detail(pictures=6, turns=60, reasons=12, lines=6, text=6000, side_px=900)


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
    contents = contents_of(lake, ids, deliveries)
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


def contents_of(lake: Lake, ids: Sequence[str], deliveries: Sequence[str]) -> dict[str, str]:
    """The content id of each of the examples."""
    where = {"delivery": list(deliveries), "example_id": list(ids)}
    rows: list[dict[str, Any]] = lake.read(EXAMPLES, where=where, columns=["example_id", "content_id"]).to_pylist()
    return {row["example_id"]: row["content_id"] for row in rows}


def pages_of(ids: Sequence[str], rows: int) -> Iterator[Sequence[str]]:
    """The ids page by page."""
    # An empty queue has a page too, which says so.
    yield from (ids[at : at + rows] for at in range(0, len(ids) or 1, rows))
