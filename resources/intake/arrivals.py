"""Deliveries as they arrive: the rows of `drops` in the state `arrived`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from ops.core.log import Log, Row, successor
from ops.core.schemas import DROP_FILES, DROPS
from ops.intake.reading import is_older
from resources.intake.context import Context
from resources.lake.compaction import compact
from resources.lake.tables import Lake


@dataclass(frozen=True, slots=True)
class Delivery:
    """What arrived: its name and its rows. `fresh` is false where it had arrived before."""

    drop: str
    delivery: str
    rows_in: int
    rows_kept: int
    rows_quarantined: int
    fresh: bool


def arrived_before(lake: Lake, drop: str, delivery: str) -> Delivery | None:
    """The delivery, where it had arrived before. One that comes again after another of its drop is the last again."""
    row = Log.of(lake.read(DROPS, where={"delivery": delivery})).last
    if row is None:
        return None
    lake.log(DROPS, lambda log: _again(log, drop, delivery))
    return recorded(row)


def recorded(row: Row) -> Delivery:
    """A delivery of the lake, as it is."""
    counts = (row[name] for name in ("rows_in", "rows_kept", "rows_quarantined"))
    return Delivery(row["drop"], row["delivery"], *counts, fresh=False)


def older_reading(lake: Lake, drop: str, named: Callable[[int | None], str]) -> str | None:
    """The drop's last delivery that was the same bytes, under the same settings, in an older reading."""
    rows = Log.of(lake.read(DROPS, where={"drop": drop})).rows
    older = [row for row in rows if is_older(row["reading"]) and named(row["reading"]) == row["delivery"]]
    return older[-1]["delivery"] if older else None


def _again(log: Log, drop: str, delivery: str) -> list[Row]:
    arrivals = log.where(drop=drop, state="arrived")
    if arrivals.rows[-1]["delivery"] == delivery:
        return []
    return [successor(arrivals.first_by("delivery")[delivery], at=datetime.now(UTC))]


def record_arrival(
    context: Context, counts: Sequence[Mapping[str, Any]], *, reading: int | None, rereads: str | None
) -> Delivery:
    """Notes that the delivery is there, with what came of each of its files (`drop_files`). `rereads` is the
    delivery of an older reading that it takes the place of."""
    totals = {name: sum(count[name] for count in counts) for name in ("rows_in", "rows_kept", "rows_quarantined")}
    row = {
        "at": datetime.now(UTC),
        "drop": context.drop,
        "delivery": context.delivery,
        "source": context.files.root,
        "state": "arrived",
        **totals,
        "licence": context.manifest.licence,
        "gate_results": None,
        "reading": reading,
        "rereads": rereads,
    }

    def once(log: Log) -> list[Row]:
        return [] if context.delivery in log.last_by("delivery") else [row]

    files = pa.Table.from_pylist([{"delivery": context.delivery, **count} for count in counts], DROP_FILES.schema)
    context.lake.write(DROP_FILES, files, partition={}, once=context.delivery)
    compact(context.lake, DROP_FILES)
    fresh = bool(context.lake.log(DROPS, once))
    return Delivery(context.drop, context.delivery, *totals.values(), fresh=fresh)
