"""Among which deliveries the centres of clusters are found."""

from hypothesis import given
from hypothesis import strategies as st

from resources.measuring.clusters import first_half


def test_what_comes_later_leaves_the_centres_until_the_corpus_has_doubled() -> None:
    first = {"a": 100, "b": 30}
    assert first_half(first) == ["a", "b"]
    assert first_half({**first, "c": 100}) == ["a", "b"]
    assert first_half({**first, "c": 126}) == ["a", "b", "c"]
    assert first_half({"a": 0}) == ["a"]
    assert first_half({}) == []


@given(st.lists(st.integers(0, 1000)))
def test_they_hold_half_of_the_corpus_at_least(rows: list[int]) -> None:
    counts = {str(n): count for n, count in enumerate(rows)}
    first = first_half(counts)
    assert first == list(counts)[: len(first)]
    assert 2 * sum(counts[name] for name in first) >= sum(rows)
