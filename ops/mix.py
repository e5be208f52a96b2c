"""Modality mix: the weights that bring visual and text examples to a wanted share, and what that costs.

Nothing is added: examples of the modality of which there is too much count for less. What it costs is the effective
sample size (Kish): how many examples of equal weight would tell as much.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

MEMBER_FLOOR = 0.01
"""No example is weighed down below this: it would be dropped in all but name."""


@dataclass(frozen=True, slots=True)
class Mix:
    """One choice: the share of visual examples wanted and reached (by weight), the factor on visual and on text
    examples, the effective sample size as a share of the examples, and how often the heaviest example stands for one
    of the lightest, where weights are exported as repeats."""

    wanted: float
    reached: float
    visual_factor: float
    text_factor: float
    effective_share: float
    repeats: float


def mix(visual: np.ndarray, weight: np.ndarray, wanted: float, *, repeat_cap: float) -> Mix:
    """Factors (at most 1) that bring the visual share (by weight) as near to `wanted` as the cap on repeats allows.

    `visual` is (n,) bool, `weight` (n,) float64 above 0. Where one modality is missing nothing can be done.
    """
    if not 0 < wanted < 1:
        raise ValueError(f"the wanted share must lie between 0 and 1, both excluded, but is {wanted}")
    mass = float(weight[visual].sum()), float(weight[~visual].sum())
    factors = [1.0, 1.0]
    if min(mass) > 0:
        needed = wanted / (1 - wanted) * mass[1] / mass[0]
        lowest = max(1 / repeat_cap, MEMBER_FLOOR)
        factors = [max(needed, lowest), 1.0] if needed < 1 else [1.0, max(1 / needed, lowest)]
    weighed = weight * np.where(visual, factors[0], factors[1])
    total = float(weighed.sum())
    return Mix(
        wanted=wanted,
        reached=float(weighed[visual].sum()) / total if total else 0.0,
        visual_factor=factors[0],
        text_factor=factors[1],
        effective_share=effective_share(weighed),
        repeats=float(weighed.max() / weighed.min()) if len(weighed) else 1.0,
    )


def trade_off(visual: np.ndarray, weight: np.ndarray, shares: Sequence[float], *, repeat_cap: float) -> list[Mix]:
    """The choices for each wanted share: the curve of mix against examples kept."""
    return [mix(visual, weight, wanted, repeat_cap=repeat_cap) for wanted in shares]


def effective_share(weight: np.ndarray) -> float:
    """Kish's effective sample size over the number of examples."""
    squares = float((weight**2).sum())
    return float(weight.sum()) ** 2 / squares / len(weight) if squares else 0.0
