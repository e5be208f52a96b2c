"""Whether rules find less of the canaries of a group than of others, or flag more of its own rows: it tells a group in
which the rules are worse from one that may have more faults.

Within each delivery and fault a group is held against all other rows (removal_odds.py).
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from ops.core.log import Row
from ops.gates.removal_odds import ALPHA, Odds, Strata, corrected, removal_odds

#: Canaries of a group, and of all others, below which nothing is told of it.
LEAST = 20
LESS = "the rules find less of canaries here"
MORE = "canaries are found as elsewhere, and more own rows are flagged: more faults, or more false alarms"
BOTH = "the rules find less of canaries here and flag more own rows: look for false alarms"
_SAYS = {(False, False): "", (True, False): LESS, (False, True): MORE, (True, True): BOTH}


@dataclass(frozen=True, slots=True)
class GroupRecall:
    """Of a group, canaries `planted` and `caught`, and `own` rows and those `flagged`; the odds of either against those
    of all other rows, None where nothing tells; and what they say, empty where that is nothing for certain."""

    family: str
    group: str
    planted: int
    caught: int
    own: int
    flagged: int
    of_canaries: Odds | None
    of_own: Odds | None
    says: str = ""

    @property
    def words(self) -> str:
        """What is said, and the figures that it is said by."""
        canaries = f"canaries found: {self.caught} of {self.planted}{_ratio(self.of_canaries)}"
        own = f"own rows flagged: {self.flagged} of {self.own}{_ratio(self.of_own)}"
        return f"{self.says} ({canaries}; {own})" if self.says else canaries


def group_recalls(rows: Sequence[Row], *, whole: str) -> list[GroupRecall]:
    """The groups with enough canaries by the rows of `canary_groups` of some deliveries, those first of which something
    is said. `whole` is a family in which each row is of one group. P-values are corrected for the number of groups."""
    groups = sorted({(row["family"], row["group"]) for row in rows})
    totals = _by_stratum(row for row in rows if row["family"] == whole)
    recalls = [recall for family, group in groups if (recall := _recall(rows, family, group, totals))]
    less = _certain([recall.of_canaries for recall in recalls], -1)
    more = _certain([recall.of_own for recall in recalls], 1)
    judged = [
        GroupRecall(r.family, r.group, r.planted, r.caught, r.own, r.flagged, r.of_canaries, r.of_own, _SAYS[pair])
        for r, pair in zip(recalls, zip(less, more, strict=True), strict=True)
    ]
    return sorted(judged, key=lambda recall: (not recall.says, recall.family, recall.group))


def _ratio(odds: Odds | None) -> str:
    return "" if odds is None else f", {odds.ratio:.2g} times the odds of others ({odds.low:.2g} to {odds.high:.2g})"


Counts = dict[tuple[str, str], tuple[int, int]]
"""Rows and those that rules met, by delivery and fault ('' of own rows)."""


def _by_stratum(rows: Iterable[Row]) -> Counts:
    counts: defaultdict[tuple[str, str], tuple[int, int]] = defaultdict(lambda: (0, 0))
    for row in rows:
        known, met = counts[row["delivery"], row["fault"]]
        counts[row["delivery"], row["fault"]] = known + row["rows"], met + row["met"]
    return dict(counts)


def _recall(rows: Sequence[Row], family: str, group: str, totals: Counts) -> GroupRecall | None:
    mine = _by_stratum(row for row in rows if (row["family"], row["group"]) == (family, group))
    sides = [{key: counts for key, counts in mine.items() if bool(key[1]) is is_canary} for is_canary in (True, False)]
    (planted, caught), (own, flagged) = (np.sum([(0, 0), *side.values()], axis=0).tolist() for side in sides)
    of_others = sum(known for (_, fault), (known, _) in totals.items() if fault) - planted
    if min(planted, of_others) < LEAST:
        return None
    of_canaries, of_own = (_odds(side, totals) for side in sides)
    return GroupRecall(family, group, planted, caught, own, flagged, of_canaries, of_own)


def _odds(mine: Counts, totals: Counts) -> Odds | None:
    cells = np.array([(*mine[key], *totals[key]) for key in sorted(mine)], dtype=np.int64).reshape(-1, 4)
    return removal_odds(Strata(cells[:, 0], cells[:, 1], cells[:, 2], cells[:, 3]), seed=0)


def _certain(odds: Sequence[Odds | None], side: int) -> list[bool]:
    """Which ratios lie above 1 (side 1), or below (-1), by more than chance."""
    p_values = corrected([1.0 if ratio is None else ratio.p_value for ratio in odds])
    return [
        ratio is not None and p_value < ALPHA and side * (ratio.ratio - 1) > 0
        for ratio, p_value in zip(odds, p_values, strict=True)
    ]
