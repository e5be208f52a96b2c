"""What a preference example's judges say of one response, taken together: a label and a rating."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any


def majority_label(judgements: Sequence[Mapping[str, Any]]) -> str | None:
    """`good` or `bad`, whichever more judges say; None where as many say the one as the other."""
    labels = [judgement["label"] for judgement in judgements]
    good, bad = labels.count("good"), labels.count("bad")
    return None if good == bad else "good" if good > bad else "bad"


def mean_ratings(judgements: Iterable[Mapping[str, Any]]) -> dict[str, float]:
    """Mean rating of each rated response of one example.

    `judgements` have `response`, `rating` and `rating_scale` (the best rating possible). A rating on a scale is taken
    as its share of that scale. Ratings of which no scale is known (none given, or none above zero) can be compared with
    each other, not with shares: they count, as given, only where no rating of the example has a scale.
    """
    rated = [judgement for judgement in judgements if judgement["rating"] is not None]
    scaled = [judgement for judgement in rated if (judgement["rating_scale"] or 0.0) > 0.0]
    values: dict[str, list[float]] = {}
    for judgement in scaled or rated:
        value = judgement["rating"] / judgement["rating_scale"] if scaled else judgement["rating"]
        values.setdefault(judgement["response"], []).append(value)
    return {response: sum(sorted(shares)) / len(shares) for response, shares in values.items()}
