"""Which example stands where in an export: the order of the curriculum, weights as repeats, cut into shards."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from ops.core.arrow import Column, as_large, cast_to, index_in, rows_at, taken
from ops.decision.curriculum import mixed
from ops.exports.contract import ExportError, Shard

PLACES = pa.schema(
    [
        ("example_id", pa.string()),
        ("position", pa.int64()),
        ("order", pa.int64()),
        ("copy", pa.int32()),
        ("weight", pa.float64()),
        ("soft_label", pa.float64()),
    ]
)
"""The rows of one shard, in order."""

_COPY_SEED = 3


@dataclass(frozen=True, slots=True)
class Plan:
    """The places of a version by shard, and how many members have none, by kind, because their weight left them no
    copy."""

    shards: list[tuple[Shard, pa.Table]]
    without_place: dict[str, int]


def plan(curated: pa.Table, curriculum: pa.Table, *, repeats: int, shard_rows: int) -> Plan:
    """The places of `kind` after `kind` (in alphabetical order), stage after stage, position after position.

    `curated` and `curriculum` are the version's tables. With `repeats` 0 each place of the curriculum is one row and
    weights stay a column. With `repeats` N an example of weight w stands w * N times at each of its places in the
    curriculum; what is left of a whole number is rounded up or down by a hash of its id, so that the sum over many is
    right and the same everywhere. Copies of one example stand far apart: a stage is gone through once for the first
    copies, then for the second, and so on. Raises ExportError where the curriculum has an example that is no member.
    """
    if repeats < 0 or shard_rows < 1:
        raise ValueError(f"repeats must be at least 0 and shard_rows at least 1, not {repeats} and {shard_rows}")
    ids = as_large(curriculum["example_id"])
    member = index_in(ids, curated["example_id"])
    if member.null_count:
        raise ExportError(f"{member.null_count} places of the curriculum hold no member of the version")
    joined = rows_at(curated.select(["kind", "weight", "soft_label"]), member)
    copies = _copies(curriculum["example_id"], joined["weight"].to_numpy(), repeats)
    row = np.repeat(np.arange(len(copies)), copies)
    copy = np.arange(len(row)) - np.repeat(np.cumsum(copies) - copies, copies)
    kinds, kind = np.unique(joined["kind"].to_numpy(zero_copy_only=False).astype(str), return_inverse=True)
    stage, position = curriculum["stage"].to_numpy(), curriculum["position"].to_numpy()
    sequence = np.lexsort((position[row], copy, stage[row], kind[row]))
    row, copy = row[sequence], copy[sequence]
    shards: list[tuple[Shard, pa.Table]] = []
    orders: list[np.ndarray] = [np.arange(n) for n in np.bincount(kind[row], minlength=len(kinds))]
    order = np.concatenate(orders or [row])
    for key, start, stop in _runs(kind[row], stage[row]):
        for number, first in enumerate(range(start, stop, shard_rows)):
            span = slice(first, min(first + shard_rows, stop))
            at = pa.array(row[span], pa.int64())
            columns = [
                cast_to(taken(ids, at), pa.string()),
                pa.array(position[row[span]]),
                pa.array(order[span]),
                pa.array(copy[span].astype(np.int32)),
                taken(joined["weight"], at),
                taken(joined["soft_label"], at),
            ]
            shard = Shard(str(kinds[key[0]]), key[1], number, len(at))
            shards.append((shard, pa.table(columns, schema=PLACES).combine_chunks()))
    return Plan(shards, _counts(kinds, kind[copies == 0]))


def _copies(ids: Column, weight: np.ndarray, repeats: int) -> np.ndarray:
    if not repeats:
        return np.ones(len(weight), dtype=np.int64)
    wanted = weight * repeats
    chance = mixed(ids, _COPY_SEED).astype(np.float64) / 2.0**64 if len(weight) else weight
    whole = np.floor(wanted)
    return (whole + (chance < wanted - whole)).astype(np.int64)


def _runs(kind: np.ndarray, stage: np.ndarray) -> Iterator[tuple[tuple[int, int], int, int]]:
    """(kind, stage), first row and end of each run of rows that share them."""
    if not len(kind):
        return
    edges = np.flatnonzero((np.diff(kind) != 0) | (np.diff(stage) != 0)) + 1
    for start, stop in zip([0, *edges.tolist()], [*edges.tolist(), len(kind)], strict=True):
        yield (int(kind[start]), int(stage[start])), start, stop


def _counts(kinds: np.ndarray, places: np.ndarray) -> dict[str, int]:
    counts = np.bincount(places, minlength=len(kinds)) if len(places) else np.zeros(len(kinds), dtype=np.int64)
    return {str(name): int(count) for name, count in zip(kinds, counts, strict=True) if count}
