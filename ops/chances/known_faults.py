"""How likely rows have a fault of which damaged rows are at hand: canaries (ops/canaries).

An audit's scores mean something else in every delivery. Its canaries show there how a fault scores: a row with the
fault comes anywhere among them, each place as likely as any other. So two groups are fitted to the places of the
delivery's own rows among the canaries' scores (two_groups.py): the faulty ones, whose places need no fit, and the sound
ones, a normal farther on the sound side. What this stands on: faults of the delivery score as its canaries do; and few
sound rows score so, for no score tells a sound row that looks faulty from a faulty one.

Models are fitted to the rows of all parts but one, for the rows of that part; a row's id says in which it lies.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ops.chances.crossfit import FitSettings, crossfitted, estimated_share
from ops.chances.two_groups import Ranked, TwoGroups
from ops.core.accuracy import auroc
from ops.core.identity import digest

#: As for image_mismatch; but most sound rows score as no canary does, so that fits are begun farther off, too.
FIT = FitSettings(folds=4, draws=8, most_rows=4000, unseen=0.005, means=(1.5, 3.0, 4.5))
FEWEST_CANARIES, FEWEST_OWN = 30, 100
#: How often a canary must score worse than an own row, for the scores to tell them apart.
LEAST_APART = 0.85
#: Share of the own rows from which so many seem faulty that rather the audit is to be doubted.
MOST_FAULTY = 0.4


@dataclass(frozen=True)
class FaultModel:
    """What was fitted to `own` rows among `canaries`, the scores of damaged ones in rising order (the higher, the more
    suspicious): for each part of the rows, models of the others. `share` of the own rows that have the fault, with its
    95 % interval. `why` it tells no probability is empty where it does. Nothing scores less than `unfound`."""

    canaries: tuple[float, ...]
    own: int
    models: tuple[tuple[TwoGroups, ...], ...] = ()
    share: float = np.nan
    low: float = np.nan
    high: float = np.nan
    why: str = ""
    unfound: float | None = None

    def chances(self, ids: Sequence[str], scores: np.ndarray) -> np.ndarray:
        """How likely each row has the fault, and the ends of the 95 % interval (3, n), by its id and its score (n); NaN
        without a score, and of all where the model tells nothing."""
        likely = np.full((3, len(scores)), np.nan)
        known = np.isfinite(scores)
        if self.why or not known.any():
            return likely
        likely[:, known] = self._by_place[:, _parts(ids)[known], self._cells(scores[known])]
        return likely

    def _cells(self, scores: np.ndarray) -> np.ndarray:
        """Where scores lie: 2 i where they are below the i-th different canary's, 2 i + 1 where they equal it."""
        cuts = np.unique(self.canaries)
        return np.searchsorted(cuts, scores, "left") + np.searchsorted(cuts, scores, "right")

    @cached_property
    def _by_place(self) -> np.ndarray:
        """Of each part (3, parts, cells)."""
        cuts = np.unique(self.canaries)
        between = np.concatenate([[cuts[0] - 1], (cuts[1:] + cuts[:-1]) / 2, [cuts[-1] + 1]])
        cells = np.empty(2 * len(cuts) + 1)
        cells[::2], cells[1::2] = between, cuts
        rows = placed(cells, np.array(self.canaries), unfound=self.unfound)
        drawn = np.array([[model.probability(rows) for model in models] for models in self.models])
        if cuts[0] == self.unfound:
            drawn[:, :, 0] = 0.0  # where nothing lies
        # A wide place and a narrow one beside it may differ in the last digits: a worse score must not count less.
        drawn = np.maximum.accumulate(drawn, axis=2)
        low, high = np.quantile(drawn, [0.025, 0.975], axis=1)
        return np.stack([drawn.mean(axis=1), low, high])


def fit_fault(ids: Sequence[str], own: np.ndarray, canaries: np.ndarray, *, unfound: float | None = None) -> FaultModel:
    """The model of own rows (ids and scores, n) and the scores of canaries (m), all finite. Nothing scores less than
    `unfound`."""
    known = tuple(np.sort(canaries).tolist())
    why = _too_little(own, canaries)
    if why:
        return FaultModel(known, len(own), why=why)
    # By id, so that the order of the rows decides nothing.
    order = np.argsort(np.array(ids, dtype=np.str_))
    rows = placed(own[order], canaries, unfound=unfound)
    models = crossfitted(rows, np.arange(len(own)), _parts(ids)[order], FIT)
    share, low, high = estimated_share(models)
    doubt = f"{share:.0%} of the rows seem to have the fault: rather the audit does not fit the data"
    return FaultModel(known, len(own), models, share, low, high, doubt if share >= MOST_FAULTY else "", unfound)


def placed(scores: np.ndarray, canaries: np.ndarray, *, unfound: float | None = None) -> Ranked:
    """Where scores (n) lie among those of canaries (m): a fault's is as likely to lie between any two neighbours of
    these. Of such a gap a canary takes a quarter on either side for the scores that equal its own, so that no two
    places overlap, also where many scores are equal; of the gap before `unfound` all, for nothing scores less."""
    ordered = np.sort(canaries)
    below, up_to = np.searchsorted(ordered, scores, "left"), np.searchsorted(ordered, scores, "right")
    equal = up_to > below
    start = np.where(equal, below + 0.75, np.where(below == 0, 0.0, below + 0.25))
    start = np.where(scores == unfound, 0.0, start)
    end = np.where(equal, up_to + 0.25, np.where(below == len(ordered), len(ordered) + 1.0, below + 0.75))
    return Ranked(start / (len(ordered) + 1), end / (len(ordered) + 1), np.zeros((len(scores), 0)))


def too_few(own: int, canaries: int) -> str:
    """Why nothing is told of so many rows with a score; empty where they are enough."""
    if canaries < FEWEST_CANARIES:
        return f"{canaries} canaries with a score, and {FEWEST_CANARIES} are asked for"
    return "" if own >= FEWEST_OWN else f"{own} own rows with a score, and {FEWEST_OWN} are asked for"


def _too_little(own: np.ndarray, canaries: np.ndarray) -> str:
    why = too_few(len(own), len(canaries))
    if why:
        return why
    apart = auroc(canaries, own) or 0.0
    return "" if apart >= LEAST_APART else f"scores hardly tell canaries from own rows (AUROC {apart:.2f})"


def _parts(ids: Sequence[str]) -> np.ndarray:
    """The part of each id (n)."""
    return np.array([int(digest(f"part {name}", size=4), 16) % FIT.folds for name in ids], dtype=np.int64)
