"""What kinds of pictures a checkpoint lost: its probes in clusters of alike pictures, each beside all others.

Clusters are of the baseline's vectors (ops.core.spherical), so that what the checkpoint did to them has no say. What is
lost of a picture is told in two ways: how many of its nearest pictures are no longer among its nearest, beyond what an
edit that does no harm takes, and whether its own text was found and is not any more. A cluster is named where the rest
kept more of what it had, by an interval that is as wide as the number of clusters asks (Bonferroni).

How much to raise a named cluster is a rule of thumb: as much as the rest kept more than it, so that what was kept half
as well counts twice. That training on more of it brings it back is not measured here, and where its rows are wrong it
does not.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from ops.checkpoints.shifts import Interval
from ops.core.spherical import Gathering, directions

_DRAWS = 2000
_NEIGHBOURS = 5
_PER_CLUSTER, _MOST_CLUSTERS = 16, 16
#: Probes of a cluster below which nothing is said of it.
FEWEST = 8
#: However little is left, by more a cluster is not raised: as `mix.most_repeats` is shipped.
_MOST_RAISED = 3.0
#: Of what was there before, less than this counts as this when shares are compared.
_LEAST = 0.05


@dataclass(frozen=True, slots=True)
class Loss:
    """What the pictures of a cluster lost, by one measure: the share `before` and `after`, what is `lost` with its 95 %
    interval, and what the `rest` of the pictures lost. The rest kept `times` as much of theirs as the cluster of its
    own; `apart` says that this is more than chance does."""

    before: float
    after: float
    lost: float
    lost_interval: Interval
    rest: float
    apart: bool
    times: float


@dataclass(frozen=True, slots=True)
class ClusterShift:
    """A cluster of alike pictures: its `name` is the text of the picture nearest to its centre, `pictures` are the
    ids of its probes' pictures. `neighbours` is of each picture's nearest pictures, `retrieval` of texts found (None
    of a tower without texts); `raise_by` is 1 where neither lost more than the rest."""

    name: str
    pictures: tuple[str, ...]
    neighbours: Loss
    retrieval: Loss | None
    raise_by: float

    @property
    def apart(self) -> bool:
        """Whether it lost more than the rest."""
        return self.neighbours.apart or (self.retrieval is not None and self.retrieval.apart)


def cluster_shifts(
    pictures: Sequence[str],
    texts: Sequence[str],
    spaces: tuple[np.ndarray, np.ndarray, np.ndarray],
    hits: tuple[np.ndarray, np.ndarray] | None,
    *,
    seed: int,
) -> list[ClusterShift]:
    """Clusters of at least FEWEST probes, those that lost most of their neighbours first; none where there is but one.

    `pictures` (n) are the ids of the probes' pictures and `texts` what is said of them; `spaces` the vectors (n, d)
    before, of edited pictures, and after, as the tower gives them at its end; `hits` which texts were found before and
    after (n booleans each)."""
    before, edited, after = (np.where(np.isfinite(space), space, 0.0) for space in spaces)
    gathering = Gathering.of(before, each=_PER_CLUSTER, most=_MOST_CLUSTERS, fewest=FEWEST)
    number = len(gathering.centres)
    shares = {"neighbours": (_same_nearest(before, edited), _same_nearest(before, after))}
    if hits is not None:
        shares["retrieval"] = (hits[0].astype(np.float64), hits[1].astype(np.float64))
    groups = [np.flatnonzero(gathering.cluster == at) for at in range(number)] if number > 1 else []
    names = gathering.typical(before, texts) if groups else []
    chance = np.random.default_rng(seed)
    shifts: list[ClusterShift] = []
    for name, group in zip(names, groups, strict=True):
        losses = {
            measure: _loss(*own, group, level=0.05 / len(groups), chance=chance) for measure, own in shares.items()
        }
        shifts.append(
            ClusterShift(
                name=name,
                pictures=tuple(pictures[at] for at in group.tolist()),
                neighbours=losses["neighbours"],
                retrieval=losses.get("retrieval"),
                raise_by=_raise_by(losses.values()),
            )
        )
    return sorted(shifts, key=lambda shift: (-shift.neighbours.lost, shift.name))


def _same_nearest(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Share of each picture's nearest pictures that are among its nearest after, too (n)."""
    both = _are_nearest(before) & _are_nearest(after)
    return both.sum(axis=1) / _NEIGHBOURS


def _are_nearest(features: np.ndarray) -> np.ndarray:
    """Which pictures are nearest to each (n, n): nearer than the next one, for of those as near none is known."""
    own = directions(features, features.mean(axis=0, dtype=np.float64))
    cosines = np.round(own @ own.T, 9)
    np.fill_diagonal(cosines, -np.inf)
    next_one = np.sort(cosines, axis=1)[:, -_NEIGHBOURS - 1]
    return cosines > next_one[:, None]


def _loss(
    before: np.ndarray, after: np.ndarray, group: np.ndarray, *, level: float, chance: np.random.Generator
) -> Loss:
    """What the group lost (shares of n pictures), and whether the others kept more of theirs: by a bootstrap of both,
    and at `level` by both ends."""
    others = np.setdiff1d(np.arange(len(before)), group)
    drawn = [part[chance.integers(0, len(part), (_DRAWS, len(part)))] for part in (group, others)]
    own, rest = ((before[draws].mean(axis=1), after[draws].mean(axis=1)) for draws in drawn)
    lost, kept_less = own[0] - own[1], _kept(*rest) - _kept(*own)
    shares = [(before[part].mean(), after[part].mean()) for part in (group, others)]
    low, high = np.quantile(lost, (0.025, 0.975)).tolist()
    kept_own, kept_rest = (max(float(_kept(*share)), _LEAST) for share in shares)
    return Loss(
        before=float(shares[0][0]),
        after=float(shares[0][1]),
        lost=float(shares[0][0] - shares[0][1]),
        lost_interval=(low, high),
        rest=float(shares[1][0] - shares[1][1]),
        apart=min(float(np.quantile(lost, level / 2)), float(np.quantile(kept_less, level / 2))) > 0,
        times=kept_rest / kept_own,
    )


def _kept(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """What is left of shares, as a share of them; of next to none, of as little as counts."""
    return after / np.maximum(before, _LEAST)


def _raise_by(losses: Iterable[Loss]) -> float:
    times = (loss.times for loss in losses if loss.apart)
    return round(min(max(times, default=1.0), _MOST_RAISED), 2)
