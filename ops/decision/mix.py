"""The target mix of modalities: how much visual and text examples of a version count, and what the mix costs.

One modality is scarce against the target. Its examples keep their weights; those of the other are weighed down by one
factor, so that a scarce example counts 1 / factor times as much as another. With weights exported as repeats that is
how often it stands. The cost is in the effective sample size (Kish, 1965), (sum w)^2 / sum w^2: what many unequal
weights are worth in examples of equal weight. The factor goes as far as the cap on repeats and the floor on the
effective sample allow; where that is not far enough, the gate says so.
"""

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

import numpy as np

Counted = Literal["examples", "loss_tokens"]


@dataclass(frozen=True, slots=True)
class MixSettings:
    """`mix` in assay.yaml. Everything here is part of the version's identity."""

    visual_share: float | None = None
    """Share of visual examples, by weight, that a version is brought to; None leaves the mix as it is."""
    count: Counted = "examples"
    """What the share is a share of: examples, or the tokens that a loss is taken on."""
    blind_as_text: bool = True
    """Whether examples that are blind throughout count as text."""
    tolerance: float = 0.02
    """How far from the target the share may lie before the candidate fails its gate."""
    most_repeats: float = 3.0
    """How many times as much an example of the scarce modality may count as one of the other."""
    least_effective: float = 0.7
    """Share of the effective sample size that must be left."""
    checkpoint: str = ""
    """A checkpoint that was audited on the lake, by its path or the hash of its weights: the kinds of pictures that it
    lost count more (ops.decision.raising). Not beside `visual_share`."""

    def __post_init__(self) -> None:
        for name in ("visual_share", "tolerance", "least_effective"):
            value = getattr(self, name)
            if value is not None and not 0 <= value <= 1:
                raise ValueError(f"{name} is a share and must lie in 0 to 1, but is {value}")
        if self.checkpoint and self.visual_share is not None:
            raise ValueError("checkpoint and visual_share both say what counts more; give one of them")
        if self.most_repeats < 1:
            raise ValueError(f"most_repeats must be at least 1, but is {self.most_repeats}")


@dataclass(frozen=True, slots=True)
class Mass:
    """What the members of one modality sum up to: `examples`; `counted`, weight times what the share is a share of;
    `weight`; and `squares` of the weights."""

    examples: int
    counted: float
    weight: float
    squares: float

    @classmethod
    def of(cls, weights: np.ndarray, amounts: np.ndarray) -> "Mass":
        """From the weights (n) and the amounts (n) that they weigh."""
        return Sums.of(weights, amounts).mass


@dataclass(frozen=True, slots=True)
class Sums:
    """A mass before it is rounded: exact, so that neither the order of rows nor what was summed where matters."""

    examples: int = 0
    counted: Fraction = Fraction(0)
    weight: Fraction = Fraction(0)
    squares: Fraction = Fraction(0)

    @classmethod
    def of(cls, weights: np.ndarray, amounts: np.ndarray) -> "Sums":
        """From the weights (n) and the amounts (n) that they weigh; what is no finite number counts as 0."""
        return cls(len(weights), *(_exact_sum(values) for values in (weights * amounts, weights, weights * weights)))

    def __add__(self, other: "Sums") -> "Sums":
        sums = (getattr(self, name) + getattr(other, name) for name in ("counted", "weight", "squares"))
        return Sums(self.examples + other.examples, *sums)

    @property
    def mass(self) -> Mass:
        """The sums as floating-point numbers, each rounded once."""
        return Mass(self.examples, float(self.counted), float(self.weight), float(self.squares))


def _exact_sum(values: np.ndarray) -> Fraction:
    """Of finite values, of which there are few distinct ones."""
    distinct, counts = np.unique(values[np.isfinite(values)], return_counts=True)
    pairs = zip(distinct.tolist(), counts.tolist(), strict=True)
    return sum((Fraction(value) * count for value, count in pairs), Fraction(0))


@dataclass(frozen=True, slots=True)
class Mix:
    """Factors of the weights of both modalities and what they lead to.

    `visual_share` by what is counted; `repeats`, the larger factor over the smaller; `effective_share` of the
    effective sample size without factors; `examples_kept`, the share of the examples that would be left had the mix
    been reached by leaving examples out instead."""

    visual_factor: float
    text_factor: float
    visual_share: float
    repeats: float
    effective_share: float
    examples_kept: float


def visual_share(visual: Mass, text: Mass) -> float:
    """Share of what is counted that is visual; 0 where there is nothing."""
    whole = visual.counted + text.counted
    return visual.counted / whole if whole else 0.0


def mixed(visual: Mass, text: Mass, settings: MixSettings) -> Mix:
    """The factors for the target, as far as the cap and the floor allow."""
    target = settings.visual_share
    if target is None or not visual.counted or not text.counted:
        return _mix(visual, text, 1.0, 1.0)
    least = 1 / settings.most_repeats
    text_is_scarce = target < visual_share(visual, text)
    common, scarce = (visual, text) if text_is_scarce else (text, visual)
    wanted = target if text_is_scarce else 1 - target  # of the common one
    factor = max(wanted * scarce.counted / ((1 - wanted) * common.counted), least) if wanted < 1 else 1.0
    factor = _held(common, scarce, min(factor, 1.0), settings.least_effective)
    return _mix(visual, text, *((factor, 1.0) if text_is_scarce else (1.0, factor)))


def curve(visual: Mass, text: Mass) -> list[Mix]:
    """What each mix would cost, in steps of a twentieth, without cap and floor. Empty where one modality is absent."""
    if not visual.counted or not text.counted:
        return []
    shares = [step / 20 for step in range(1, 20)]
    free = [MixSettings(visual_share=share, most_repeats=math.inf, least_effective=0.0) for share in shares]
    return [mixed(visual, text, settings) for settings in free]


def effective_share(before: tuple[Mass, Mass], after: tuple[Mass, Mass]) -> float:
    """The effective sample size of the members by their weights after, over that by their weights before."""
    sizes = [_size(sum(m.weight for m in masses), sum(m.squares for m in masses)) for masses in (before, after)]
    return sizes[1] / sizes[0] if sizes[0] else 1.0


def _mix(visual: Mass, text: Mass, visual_factor: float, text_factor: float) -> Mix:
    visual_counted, text_counted = visual.counted * visual_factor, text.counted * text_factor
    counted = visual_counted + text_counted
    examples = visual.examples + text.examples
    kept = visual.examples * visual_factor + text.examples * text_factor
    return Mix(
        visual_factor=visual_factor,
        text_factor=text_factor,
        visual_share=visual_counted / counted if counted else 0.0,
        repeats=max(visual_factor, text_factor) / min(visual_factor, text_factor),
        effective_share=_effective(visual, text, visual_factor, text_factor),
        examples_kept=kept / examples if examples else 1.0,
    )


def _effective(first: Mass, second: Mass, factor: float, second_factor: float = 1.0) -> float:
    """The effective sample size under these factors, over that without."""
    scaled = [
        Mass(m.examples, m.counted * f, m.weight * f, m.squares * f * f)
        for m, f in ((first, factor), (second, second_factor))
    ]
    return effective_share((first, second), (scaled[0], scaled[1]))


def _size(weight: float, squares: float) -> float:
    return weight**2 / squares if squares else 0.0


def _held(common: Mass, scarce: Mass, factor: float, least: float) -> float:
    """The factor, or the smallest above it at which the floor holds, to six digits.

    The effective sample size has one peak over the factor, so the factors that hold the floor are an interval that
    ends at 1."""
    if _effective(common, scarce, factor) < least:
        low, high = factor, 1.0
        for _ in range(60):
            middle = (low + high) / 2
            low, high = (middle, high) if _effective(common, scarce, middle) < least else (low, middle)
        factor = high
    # Upwards, so that neither the cap nor the floor is passed.
    return math.ceil(factor * 1e6) / 1e6
