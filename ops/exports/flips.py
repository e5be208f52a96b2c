"""How likely a preference is the wrong way round, from pairs that were judged more than once."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from ops.core.accuracy import wilson
from ops.core.arrow import both, column_of, compare, fill_null, flags, rows_where, table_of, with_column
from ops.core.arrow_texts import trimmed
from ops.core.arrow_types import type_in
from ops.core.hashing import key_hashes

JUDGED = ["example_id", "image_key", "query_key", "response_key", "opponent_key", "label", "annotator"]
"""The columns of schemas.PREFERENCES that the estimate needs."""
_VOTE = pa.schema(
    [
        ("context", pa.uint64()),
        ("low", pa.uint64()),
        ("high", pa.uint64()),
        ("voter", pa.uint64()),
        ("is_low", pa.int64()),
    ]
)


@dataclass(frozen=True, slots=True)
class FlipEstimate:
    """Probability that a vote prefers the worse response, with a 95 % interval; from `pairs` that at least two voters
    judged."""

    probability: float
    low: float
    high: float
    pairs: int


def flip_estimate(preferences: Iterable[pa.RecordBatch]) -> FlipEstimate | None:
    """The estimate from judgements (JUDGED); None where no pair was judged twice.

    Voters who err independently, each with probability p, disagree about a pair with probability d = 2 p (1 - p), so
    that p = (1 - sqrt(1 - 2 d)) / 2; a d beyond one half is chance, and p one half. A voter is an annotator, or a row
    where none is named. Each pair counts once, with the share of its pairs of voters that disagree; the interval is
    Wilson's, of as many pairs, which makes it rather too wide where pairs have more than two voters.
    """
    votes = pa.concat_tables([_VOTE.empty_table(), *map(_votes, preferences)])
    # A voter who said the same twice has one vote; one who said both has two that disagree.
    once = votes.group_by(_VOTE.names).aggregate([])
    pairs = once.group_by(["context", "low", "high"]).aggregate([("is_low", "sum"), ("is_low", "count")])
    voters, first = (pairs[name].to_numpy().astype(float) for name in ("is_low_count", "is_low_sum"))
    several = voters >= 2
    voters, first = voters[several], first[several]
    if not len(voters):
        return None
    disagreement = float(np.mean(2.0 * first * (voters - first) / (voters * (voters - 1))))
    low, high = wilson(disagreement, len(voters))
    return FlipEstimate(_flipped(disagreement), _flipped(low), _flipped(high), len(voters))


def _votes(batch: pa.RecordBatch) -> pa.Table:
    """Who prefers which of two responses, as hashes: one row a judgement that names an opponent."""
    rivals = compare(column_of(batch, "opponent_key"), "!=", column_of(batch, "response_key"))
    chosen = rows_where(batch, both(compare(column_of(batch, "label"), "==", "chosen"), rivals))
    response, opponent = (key_hashes(chosen, [name]) for name in ("response_key", "opponent_key"))
    columns = {
        "context": key_hashes(chosen, ["image_key", "query_key"]),
        "low": np.minimum(response, opponent),
        "high": np.maximum(response, opponent),
        "voter": _voters(chosen),
        "is_low": (response < opponent).astype(np.int64),
    }
    return table_of({name: pa.array(values, type_in(_VOTE, name)) for name, values in columns.items()})


def _voters(chosen: pa.RecordBatch) -> np.ndarray:
    """A hash of each judgement's annotator, or of its row where none is named."""
    annotators = trimmed(fill_null(column_of(chosen, "annotator"), ""))
    names = with_column(chosen.select(["example_id"]), "annotator", annotators)
    by_row = key_hashes(names, ["annotator", "example_id"])
    return np.where(flags(compare(annotators, "==", "")), by_row, key_hashes(names, ["annotator"]))


def _flipped(disagreement: float) -> float:
    return 0.5 if disagreement >= 0.5 else (1.0 - math.sqrt(1.0 - 2.0 * disagreement)) / 2.0
