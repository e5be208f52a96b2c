"""Shares of a corpus: whole deliveries, or ids of one of them, about as many rows each; and the lake seen through one.

A task that is given a share reads its own rows of every table, as of the versions that the driver pinned. Files and row
groups beyond the share are passed over by partitions and statistics (resources/lake/statistics.py).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import pyarrow as pa

from ops.core.arrow import column_of, compare, rows_where
from ops.core.log import SEQUENCE, Log
from ops.core.schemas import DROPS, TableSpec
from resources.lake.tables import Lake
from resources.lake.where import Between

SHARE_ROWS = 1 << 19
"""Examples of a share, at most about: what a task holds at once."""
_IDS = 16**4


@dataclass(frozen=True, slots=True)
class Share:
    """All examples of the deliveries, or, of one delivery, those with ids from `low` on and below `high` (None: open).
    Shares that come one after the other hold examples in the order of delivery and id."""

    deliveries: tuple[str, ...]
    low: str | None = None
    high: str | None = None


def shares_of(rows: Mapping[str, int], share_rows: int = SHARE_ROWS) -> list[Share]:
    """The deliveries, whose rows are given, in shares of at most about `share_rows`; one share where there is nothing.

    Ids are hashes, so that equal ranges of their first digits hold about as many."""
    shares: list[Share] = []
    held: list[str] = []
    held_rows = 0
    for delivery in sorted(rows):
        if held and held_rows + rows[delivery] > share_rows:
            shares.append(Share(tuple(held)))
            held, held_rows = [], 0
        if rows[delivery] > share_rows:
            shares += _ranges(delivery, min(-(-rows[delivery] // share_rows), _IDS))
        else:
            held.append(delivery)
            held_rows += rows[delivery]
    return [*shares, Share(tuple(held))] if held or not shares else shares


def rows_kept(lake: Lake, deliveries: Sequence[str]) -> dict[str, int]:
    """How many examples each of the deliveries has, as its ingest said; 0 of one that nothing is known of."""
    columns = [SEQUENCE, "delivery", "rows_kept"]
    log = Log.of(lake.read(DROPS, where={"delivery": list(deliveries)}, columns=columns))
    known = {delivery: row["rows_kept"] or 0 for delivery, row in log.last_by("delivery").items()}
    return {delivery: known.get(delivery, 0) for delivery in deliveries}


def _ranges(delivery: str, count: int) -> list[Share]:
    edges = [None, *(f"{_IDS * at // count:04x}" for at in range(1, count)), None]
    return [Share((delivery,), low, high) for low, high in pairwise(edges)]


@dataclass(frozen=True, slots=True)
class View:
    """A lake as of pinned versions of its tables (by name; the present one of others), of one share."""

    lake: Lake
    pinned: Mapping[str, int]
    share: Share

    def batches(
        self, spec: TableSpec, *, where: Mapping[str, Any] | None = None, columns: Sequence[str] | None = None
    ) -> Iterator[pa.RecordBatch]:
        """As `Lake.batches` does, the rows of the share; `columns` have `example_id`, and `where` may name deliveries,
        of which those of the share are read."""
        wanted = dict(where or {})
        named: Iterable[str] = wanted.get("delivery", self.share.deliveries)
        wanted["delivery"] = [delivery for delivery in named if delivery in self.share.deliveries]
        if not wanted["delivery"]:
            return
        low, high = self.share.low, self.share.high
        if low is not None or high is not None:
            wanted["example_id"] = Between(low, high)
        version = self.pinned.get(spec.name)
        for batch in self.lake.batches(spec, where=wanted, columns=columns, version=version):
            # Between takes its upper end in.
            kept = batch if high is None else rows_where(batch, compare(column_of(batch, "example_id"), "<", high))
            if kept.num_rows:
                yield kept
