"""What a preference example's judges say of one response, taken together: a label and a rating."""

from collections.abc import Iterable, Sequence
from typing import TypedDict


class Vote(TypedDict):
    """What a judge says of a response: a label, or a rating on a scale."""

    response: str
    label: str | None
    rating: float | None
    rating_scale: float | None


class ExampleVote(Vote):
    """The same with the example that the response is of."""

    example_id: str


Judgements = dict[str, tuple[str | None, float | None, float | None]]
"""Label, mean rating and its scale by response."""


def by_response(votes: Sequence[Vote]) -> Judgements:
    """What the judges of one example say of each of its responses."""
    labelled: dict[str, list[Vote]] = {}
    for vote in votes:
        labelled.setdefault(vote["response"], []).append(vote)
    ratings, scale = mean_ratings(votes), 1.0 if means_are_shares(votes) else None
    return {
        response: (majority_label(votes), ratings.get(response), scale if response in ratings else None)
        for response, votes in labelled.items()
    }


def majority_label(judgements: Sequence[Vote]) -> str | None:
    """`good` or `bad`, whichever more judges say; None where as many say the one as the other."""
    labels = [judgement["label"] for judgement in judgements]
    good, bad = labels.count("good"), labels.count("bad")
    return None if good == bad else "good" if good > bad else "bad"


def means_are_shares(judgements: Iterable[Vote]) -> bool:
    """Whether `mean_ratings` of these judgements are shares of a scale."""
    return any(vote["rating"] is not None and (vote["rating_scale"] or 0.0) > 0.0 for vote in judgements)


def mean_ratings(judgements: Iterable[Vote]) -> dict[str, float]:
    """Mean rating of each rated response of one example.

    `judgements` have `response`, `rating` and `rating_scale` (the best rating possible). A rating on a scale is taken
    as its share of that scale. Ratings of which no scale is known (none given, or none above zero) can be compared with
    each other, not with shares: they count, as given, only where no rating of the example has a scale.
    """
    rated = [
        (judgement["response"], rating, judgement["rating_scale"] or 0.0)
        for judgement in judgements
        if (rating := judgement["rating"]) is not None
    ]
    scaled = [(response, rating / scale) for response, rating, scale in rated if scale > 0.0]
    values: dict[str, list[float]] = {}
    for response, value in scaled or [(response, rating) for response, rating, _ in rated]:
        values.setdefault(response, []).append(value)
    return {response: sum(sorted(shares)) / len(shares) for response, shares in values.items()}
