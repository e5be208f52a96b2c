"""Judgements of one example taken together."""

from typing import Any

import pytest

from ops.exports.ratings import majority_label, mean_ratings


def judgement(
    response: str, rating: float | None, scale: float | None = None, label: str | None = None
) -> dict[str, Any]:
    return {"response": response, "rating": rating, "rating_scale": scale, "label": label}


@pytest.mark.parametrize(
    ("judgements", "ratings"),
    [
        ([judgement("a", 1, 5), judgement("a", 4, 5), judgement("b", 10, 10)], {"a": 0.5, "b": 1.0}),
        ([judgement("a", 2), judgement("a", 4), judgement("b", -1)], {"a": 3.0, "b": -1.0}),
        ([judgement("a", 3), judgement("b", 4, 5)], {"b": 0.8}),
        ([judgement("a", 3, 0.0), judgement("b", 4, 5)], {"b": 0.8}),
        ([judgement("a", 3, 0.0), judgement("b", 1, 0.0)], {"a": 3.0, "b": 1.0}),
        ([judgement("a", 3, -5.0), judgement("b", 1, -5.0)], {"a": 3.0, "b": 1.0}),
        ([judgement("a", None, 5, "good")], {}),
        ([], {}),
    ],
)
def test_ratings_are_compared_on_one_footing(judgements: list[dict[str, Any]], ratings: dict[str, float]):
    """A 3 of no known scale is not better than a 4 of 5."""
    assert mean_ratings(judgements) == pytest.approx(ratings)


def test_the_label_is_the_majority():
    labels = [judgement("a", None, label=label) for label in ("good", "bad", "good", "chosen")]
    assert majority_label(labels) == "good"
    assert majority_label(labels[:2]) is None
    assert majority_label([]) is None
