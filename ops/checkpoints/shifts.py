"""How far a checkpoint's layers, and what it can do, have moved from the baseline's, with intervals.

What "far" is, the probes say themselves: each picture is also shown to the baseline after an edit that does no harm
(mirrored, and a margin cut off). A layer's CKA with the baseline is divided by the baseline's CKA with itself under the
edit: `kept` is 1 where training moved the features as much as such an edit does, and 0 where nothing is left of how the
images lay. Its interval is over random halves of the probes, drawn without replacement, since a probe drawn twice would
be at no distance from itself.

What the edit itself keeps on such halves is the null: where it keeps little on some of them, as where pictures are few
or a layer hardly tells them apart, no checkpoint is accused of keeping no more (`kept_null`, `rank_null`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ops.checkpoints.representation import cka, cosines, dead_share, effective_rank, gram

_DRAWS = 200
#: Probes below which half of them say nothing.
FEWEST_PROBES = 16

#: A tower to which a mirrored picture is another says nothing by its CKA with itself.
_LEAST_HARMLESS = 0.5

Interval = tuple[float, float]
Features = Mapping[str, np.ndarray]


@dataclass(frozen=True, slots=True)
class LayerShift:
    """A layer against the baseline's: `cka`, what of it is `kept` against a harmless edit (`harmless` is the edit's
    CKA), the mean cosine of an image's two features, effective ranks (`rank_ratio` is that of half the probes, which
    cannot fill as many directions) and shares of dead units before and after. The nulls are what the edit keeps on all
    but a fortieth of the halves. Not `finite` is a layer that gave values that are no numbers; they count as 0."""

    layer: str
    finite: bool
    cka: float
    harmless: float
    kept: float
    kept_interval: Interval
    kept_null: float
    mean_cosine: float
    rank_before: float
    rank_after: float
    rank_ratio: float
    rank_ratio_interval: Interval
    rank_null: float
    dead_before: float
    dead_after: float


@dataclass(frozen=True, slots=True)
class SkillShift:
    """A share of probes that go right, `before` and `after`; `change` has the interval of a paired bootstrap."""

    name: str
    probes: int
    before: float
    after: float
    change_interval: Interval


def layer_shifts(before: Features, edited: Features, after: Features, *, seed: int) -> list[LayerShift]:
    """The layers of `before` (name -> (n, d)) in their order. `edited` holds the baseline's features of the edited
    pictures, `after` the checkpoint's of the plain ones, both by the same names. n is at least FEWEST_PROBES."""
    return [_layer(name, before[name], edited[name], after[name], np.random.default_rng(seed)) for name in before]


def _layer(
    name: str, before: np.ndarray, edited: np.ndarray, after: np.ndarray, chance: np.random.Generator
) -> LayerShift:
    finite = bool(np.isfinite(after).all())
    after = np.where(np.isfinite(after), after, 0.0)
    grams = [gram(features) for features in (before, edited, after)]
    harmless = cka(grams[0], grams[1])
    kept, ratios, null = np.empty(_DRAWS), np.empty(_DRAWS), np.empty((2, _DRAWS))
    for draw in range(_DRAWS):
        half = chance.permutation(len(before))[: len(before) // 2]
        of_half = [products[np.ix_(half, half)] for products in grams]
        rank = effective_rank(of_half[0])
        kept[draw] = _kept(*of_half)
        ratios[draw] = _ratio(effective_rank(of_half[2]), rank)
        null[:, draw] = (
            cka(of_half[0], of_half[1]) / max(harmless, _LEAST_HARMLESS),
            _ratio(effective_rank(of_half[1]), rank),
        )
    return LayerShift(
        layer=name,
        finite=finite,
        cka=cka(grams[0], grams[2]),
        harmless=harmless,
        kept=_kept(*grams),
        kept_interval=_interval(kept),
        kept_null=_interval(null[0])[0],
        mean_cosine=float(cosines(before, after).mean()),
        rank_before=effective_rank(grams[0]),
        rank_after=effective_rank(grams[2]),
        rank_ratio=float(np.median(ratios)),
        rank_ratio_interval=_interval(ratios),
        rank_null=_interval(null[1])[0],
        dead_before=dead_share(before),
        dead_after=dead_share(after),
    )


def _kept(before: np.ndarray, edited: np.ndarray, after: np.ndarray) -> float:
    return max(0.0, cka(before, after) / max(cka(before, edited), _LEAST_HARMLESS))


def _ratio(value: float, of: float) -> float:
    return value / of if of > 0 else 0.0


def skill_shift(name: str, before: np.ndarray, after: np.ndarray, *, seed: int) -> SkillShift:
    """From which probes went right (n booleans each), the same probes in both."""
    change = after.astype(np.float64) - before.astype(np.float64)
    drawn = np.random.default_rng(seed).integers(0, len(change), (10 * _DRAWS, len(change)))
    return SkillShift(
        name, len(change), float(before.mean()), float(after.mean()), _interval(change[drawn].mean(axis=1))
    )


def _interval(draws: np.ndarray) -> Interval:
    low, high = np.quantile(draws, (0.025, 0.975)).tolist()
    return low, high


@dataclass(frozen=True, slots=True)
class GroupShift:
    """How far the images of a group moved, an image's own movement under the harmless edit being 1; `rest` is the mean
    of all others, and `apart` says that the group's interval lies above it."""

    group: str
    probes: int
    moved: float
    moved_interval: Interval
    rest: float

    @property
    def apart(self) -> bool:
        return self.moved_interval[0] > self.rest


def group_shifts(
    groups: Sequence[str], before: np.ndarray, edited: np.ndarray, after: np.ndarray, *, seed: int, fewest: int = 8
) -> list[GroupShift]:
    """Groups of at least `fewest` probes (their names in the order of the features' rows), the most moved first; none
    where there is but one."""
    after = np.where(np.isfinite(after), after, 0.0)
    still = max(float(np.mean(1 - cosines(before, edited))), 1e-9)
    moved = (1 - cosines(before, after)) / still
    names = np.array(groups)
    chance = np.random.default_rng(seed)
    shifts: list[GroupShift] = []
    for name in sorted(set(groups)):
        inside, outside = moved[names == name], moved[names != name]
        if len(inside) >= fewest and len(outside):
            draws = inside[chance.integers(0, len(inside), (10 * _DRAWS, len(inside)))].mean(axis=1)
            shifts.append(GroupShift(name, len(inside), float(inside.mean()), _interval(draws), float(outside.mean())))
    return sorted(shifts, key=lambda shift: -shift.moved)
