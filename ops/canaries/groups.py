"""What is found of canaries in each group of rows, such as a language or a dataset. A canary is of its own row's
groups."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ops.audits.contract import Audit
from ops.canaries.outcome import Flagged
from ops.core.spherical import directions, far_apart, nearest
from ops.core.vectors import Vectors
from ops.decision.policy import Policy

Group = tuple[str, str]
"""Its family, and its name in it."""


#: Pictures that stand for those of a delivery's canaries: few enough to be kept by fault, enough for a gate's clusters.
_PICTURES = 64


@dataclass(frozen=True, slots=True)
class GroupOutcome:
    """Of `rows` of a group, those that rules `met`: of canaries with a fault, the rules of audits that look for it; of
    own rows, where the fault is '', any of the rules."""

    fault: str
    family: str
    group: str
    rows: int
    met: int


def group_outcomes(
    groups: Mapping[str, Sequence[Group]],
    faults: Mapping[str, str],
    flagged: Flagged,
    policy: Policy,
    audits: Iterable[Audit],
) -> list[GroupOutcome]:
    """By fault that some rule looks for, and group; `groups` are those of the own rows, by id, `faults` those of the
    canaries."""
    looking: defaultdict[str, set[str]] = defaultdict(set)
    for audit in audits:
        for fault in audit.faults:
            looking[fault] |= {rule.name for rule in policy.rules if rule.audit == audit.name}
    counted = _counted("", groups, flagged, {rule.name for rule in policy.rules})
    for fault in sorted({*faults.values()} - {""}):
        canaries = {name: groups[name.rsplit("-", 1)[1]] for name, kind in faults.items() if kind == fault}
        counted += _counted(fault, canaries, flagged, looking[fault]) if looking[fault] else []
    return counted


def alike_pictures(images: Vectors, ids: Sequence[str]) -> dict[str, str]:
    """For each of these pictures that has a vector that picture which it is most like, of at most _PICTURES that lie
    far apart: by directions about the mean."""
    names = sorted(set(ids))
    vectors, known = images.gather(names)
    own = [name for name, is_known in zip(names, known.tolist(), strict=True) if is_known]
    if not own:
        return {}
    rays = directions(vectors[known], vectors[known].mean(axis=0, dtype=np.float64))
    few = far_apart(rays, _PICTURES)
    standing, _ = nearest(few, rays)
    return {name: own[standing[place]] for name, place in zip(own, nearest(rays, few)[0].tolist(), strict=True)}


def _counted(
    fault: str, groups: Mapping[str, Sequence[Group]], flagged: Flagged, rules: set[str]
) -> list[GroupOutcome]:
    every = Counter(group for own in groups.values() for group in own)
    met = Counter(group for name, own in groups.items() if not rules.isdisjoint(flagged.get(name, ())) for group in own)
    return [GroupOutcome(fault, *group, rows, met[group]) for group, rows in sorted(every.items())]
