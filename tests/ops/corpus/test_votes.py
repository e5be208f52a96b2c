"""Agreements of raters, counted by arrays."""

from collections import Counter
from itertools import combinations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ops.corpus.votes import Votes

VOTE = st.tuples(st.integers(0, 3), st.integers(0, 4), st.booleans())


def votes_of(rows: list[tuple[int, int, bool]], *, subjects: int = 4, raters: int = 5) -> Votes:
    subject, rater, side = zip(*rows, strict=True) if rows else ((), (), ())
    numbers = (np.array(column, dtype=np.int64) for column in (subject, rater))
    return Votes(*numbers, np.array(side, dtype=bool), subjects, raters)


@given(st.sets(VOTE, max_size=25))
def test_agrees_with_counting_pair_by_pair(votes: set[tuple[int, int, bool]]) -> None:
    rows = sorted(votes)
    together, agreed = Counter(), Counter()
    for (subject, rater, side), (other_subject, other, other_side) in combinations(rows, 2):
        if subject == other_subject and rater != other:
            together[rater, other] += 1
            agreed[rater, other] += side == other_side
    counted, same = Counter(), Counter()
    pairs = votes_of(rows).agreements()
    for rater, other, count, agreeing in zip(pairs.rater, pairs.other, pairs.together, pairs.agreed, strict=True):
        counted[rater, other] += count
        same[rater, other] += agreeing
    assert (counted, +same) == (together, +agreed)


def test_of_a_crowd_the_first_are_heard() -> None:
    crowd = votes_of([(0, rater, True) for rater in range(40)], subjects=1, raters=40)
    assert len(crowd.agreements().rater) == 32 * 31 / 2


@given(st.sets(VOTE, max_size=25), st.integers(1, 30))
def test_the_first_votes_are_of_whole_subjects(votes: set[tuple[int, int, bool]], count: int) -> None:
    rows = sorted(votes)
    first = votes_of(rows).first(count)
    if len(rows) <= count:
        assert len(first.side) == len(rows)
    else:
        assert first.subjects == rows[count][0]
        assert len(first.side) == sum(subject < first.subjects for subject, _, _ in rows) <= count
