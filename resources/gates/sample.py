"""The sample of the corpus that a candidate's diversity and its removals by group are told from: those examples with
the smallest hash of their id, whatever the order of rows."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from ops.core.arrow import (
    batch_of,
    column_of,
    flags,
    index_in,
    is_in,
    is_valid,
    kept_where,
    rows_at,
    rows_where,
    sorted_by,
    taken,
    whole,
)
from ops.core.arrow_types import fields
from ops.core.log import Row
from ops.core.schemas import EXAMPLES
from ops.core.version_schemas import VERDICTS
from ops.decision.curriculum import mixed
from ops.decision.policy import MEMBER_ACTIONS

SAMPLE = 20_000
"""Examples that are looked at."""

_ROWS = pa.schema([pa.field("hash", pa.uint64()), *fields(EXAMPLES.schema, "example_id", "messages", "image_ids")])
_JUDGED = pa.schema(fields(VERDICTS.schema, "example_id", "action", "delivery", "dataset"))


@dataclass(frozen=True, slots=True)
class Sampled:
    """Examples of a share that may be of the sample (_ROWS, with `delivery` and `dataset` as the verdicts name them,
    and `member`, null where nothing judged the example)."""

    rows: pa.Table

    @classmethod
    def of(cls, picked: Sequence[pa.RecordBatch], verdicts: Sequence[pa.RecordBatch]) -> "Sampled":
        """From batches of `sampled` and the verdicts of the share."""
        rows = pa.Table.from_batches(list(picked), _ROWS)
        wanted = whole(rows, "example_id")
        judged = [
            rows_where(batch.select(_JUDGED.names), is_in(column_of(batch, "example_id"), wanted)) for batch in verdicts
        ]
        table = pa.Table.from_batches(judged, _JUDGED)
        at = index_in(wanted, whole(table, "example_id"))
        action = taken(table["action"], at)
        member = kept_where(is_in(action, pa.array(MEMBER_ACTIONS)), is_valid(action))
        for name in ("delivery", "dataset"):
            rows = rows.append_column(name, taken(table[name], at))
        return cls(rows.append_column("member", member))


def sampled(examples: pa.RecordBatch, count: int) -> pa.RecordBatch:
    """Of a batch of examples those that may be of the sample of a corpus of `count`: by the hash of their ids, with
    room for chance."""
    bound = int(2**64 * (SAMPLE + 6 * SAMPLE**0.5) / max(count, 1))
    hashes = mixed(column_of(examples, "example_id"), 0)
    chosen = hashes < np.uint64(bound) if bound < 2**64 else np.ones(len(hashes), dtype=bool)
    rows = rows_where(examples, pa.array(chosen))
    return batch_of([pa.array(hashes[chosen]), *(column_of(rows, name) for name in _ROWS.names[1:])], _ROWS)


@dataclass(frozen=True, slots=True)
class Sample:
    """The sample (n): delivery, dataset, messages and image_ids of each, by id, and whether it is a member."""

    rows: list[Row]
    member: np.ndarray

    @classmethod
    def of(cls, parts: Sequence[Sampled]) -> "Sample | None":
        """From those of all shares; None where nothing was removed or nothing is left, or an example was not judged,
        which the gate says by other figures."""
        rows = pa.concat_tables([part.rows for part in parts])
        first = np.argsort(rows["hash"].to_numpy(), kind="stable")[:SAMPLE]
        chosen = sorted_by(rows_at(rows, pa.array(first, pa.int64())), "example_id")
        member = flags(chosen["member"])
        if chosen["member"].null_count or member.all() or not member.any():
            return None
        return cls(chosen.select(["delivery", "dataset", "messages", "image_ids"]).to_pylist(), member)
