"""Weights as times that a trainer goes through a file: what it has where it knows no weight of a row."""

from collections.abc import Iterable
from math import floor

from ops.exports.contract import Member

TOLERANCE = 0.05
"""How far a share of the repeats may lie from the share of the weights, as a share of it."""
MOST_REPEATS = 12
"""How often the heaviest rows are gone through at most for the sake of exact shares: an epoch is that much longer."""


def weight_class(member: Member) -> str:
    """The weight of the member's loss as a piece of a file's name: `weight-0.5`."""
    return f"weight-{member.loss_weight:.6g}"


def class_weight(name: str) -> float:
    """The weight that a class is named after."""
    return float(name.removeprefix("weight-"))


def whole_repeats(weights: Iterable[float]) -> dict[float, int]:
    """How often each weight's rows are gone through, in whole numbers whose ratios are those of the weights.

    The smallest numbers whose ratios to the heaviest are within TOLERANCE of the weights' are taken; where none up to
    MOST_REPEATS of the heaviest are, those that come nearest. No row is left out: the lightest come once at least.
    """
    distinct = sorted(set(weights))
    if not distinct:
        return {}
    best: dict[float, int] = {}
    least = float("inf")
    for heaviest in range(1, MOST_REPEATS + 1):
        factor = heaviest / distinct[-1]
        repeats = {weight: max(1, floor(weight * factor + 0.5)) for weight in distinct}
        error = max(abs(times / (weight * factor) - 1.0) for weight, times in repeats.items())
        if error < least:
            best, least = repeats, error
        if error <= TOLERANCE:
            break
    return best
