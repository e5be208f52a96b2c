"""Measures of the lake, read as decisions and gates need them: the columns asked for, in a stream."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Protocol

import numpy as np
import pyarrow as pa

from ops.audits.contract import Scope
from ops.audits.registry import all_audits
from ops.core.arrow import column_of, list_lengths
from ops.core.schemas import TableSpec

Without = Mapping[str, Collection[str]]
"""Deliveries whose measures by an audit are not to be used, by audit."""
NONE: Without = {}


class Reads(Protocol):
    """A lake, or a share of one (resources/lake/shares.py)."""

    def batches(
        self, spec: TableSpec, *, where: Mapping[str, object] | None = None, columns: Sequence[str] | None = None
    ) -> Iterator[pa.RecordBatch]:
        """The rows that match, as a stream."""
        ...


def read_measures(
    lake: Reads, audit: str, *, identity: str, deliveries: Sequence[str], columns: set[str]
) -> Iterator[pa.RecordBatch]:
    """The keys and the given columns of an audit's measures, as a stream."""
    chosen = all_audits()[audit]
    where: dict[str, object] = {"identity": identity}
    if chosen.scope is not Scope.CORPUS:
        where["delivery"] = list(deliveries)
    keys = [name for name in ("delivery", "example_id", "turn") if name in chosen.schema.names]
    return lake.batches(chosen.table, where=where, columns=[*keys, *sorted(columns - set(keys))])


def used(deliveries: Sequence[str], without: Without, audit: str) -> list[str]:
    """The deliveries of which a version uses the audit's measures: all but those in `without`."""
    return [delivery for delivery in deliveries if delivery not in without.get(audit, ())]


def shows_pictures(examples: pa.RecordBatch) -> np.ndarray:
    """Which of the examples show a picture (n, bool)."""
    return list_lengths(column_of(examples, "image_ids")) > 0
