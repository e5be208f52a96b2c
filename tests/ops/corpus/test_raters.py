"""Agreements of raters, counted by batches."""

from collections import Counter
from itertools import combinations

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from ops.corpus.raters import agreements_in

VOTE = st.tuples(st.integers(0, 3), st.integers(1, 4), st.booleans())


@given(st.sets(VOTE, max_size=25))
def test_agrees_with_counting_pair_by_pair(votes: set[tuple[int, int, bool]]) -> None:
    rows = sorted(votes)
    together, agreed = Counter(), Counter()
    for (subject, rater, side), (other_subject, other, other_side) in combinations(rows, 2):
        if subject == other_subject and rater != other:
            together[rater, other] += 1
            agreed[rater, other] += side == other_side
    whole = [pa.array([row[0] for row in rows], pa.int64())] * 3
    columns = [*whole, pa.array([row[1] for row in rows], pa.int64()), pa.array([row[2] for row in rows], pa.bool_())]
    batch = pa.record_batch(columns, names=["context", "low_hash", "high_hash", "code", "side"])
    counted = [tuple(row.values()) for row in agreements_in(batch).to_pylist()]
    assert sorted(counted) == sorted((*pair, count, agreed[pair]) for pair, count in together.items())


def test_of_a_crowd_the_first_are_heard() -> None:
    count = 40
    subject = pa.array([7] * count, pa.int64())
    columns = [subject, subject, subject, pa.array(range(count), pa.int64()), pa.array([True] * count)]
    batch = pa.record_batch(columns, names=["context", "low_hash", "high_hash", "code", "side"])
    assert agreements_in(batch).num_rows == 32 * 31 / 2
