"""Labels of reviewers on a sample: what they agree on, and how well they agree."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from ops.core.accuracy import QUANTILE, wilson

FAULTY, SOUND, UNSURE = "faulty", "sound", "unsure"
LABELS = (SOUND, FAULTY, UNSURE)

ByReviewer = Mapping[str, Mapping[str, str]]
"""The label of each example, by reviewer."""


def agreed(labels: ByReviewer) -> dict[str, bool]:
    """Whether each example is faulty, where more reviewers say so than say otherwise; those of a tie, or of whom all
    are unsure, are left out."""
    votes: defaultdict[str, int] = defaultdict(int)
    for own in labels.values():
        for example, label in own.items():
            votes[example] += {FAULTY: 1, SOUND: -1}.get(label, 0)
    return {example: vote > 0 for example, vote in votes.items() if vote}


@dataclass(frozen=True, slots=True)
class Kappa:
    """Cohen's (1960) kappa of two reviewers over `rows` examples, and its 95 % interval."""

    value: float
    low: float
    high: float
    rows: int


def kappas(labels: ByReviewer) -> dict[tuple[str, str], Kappa]:
    """Kappa of each two reviewers over what both called faulty or sound; no entry where fewer than two are common, or
    both say the same of all and chance would too."""
    agreement: dict[tuple[str, str], Kappa] = {}
    for left, right in combinations(sorted(labels), 2):
        pairs = list(_common(labels[left], labels[right]))
        if len(pairs) > 1 and _by_chance(pairs) < 1:
            agreement[left, right] = _kappa(pairs)
    return agreement


def _kappa(pairs: Sequence[tuple[str, str]]) -> Kappa:
    """The interval is the wider one, on either side, of two: that of the large-sample variance (Fleiss, Cohen and
    Everitt, 1969), which is too narrow near 1 and none at 1, and Wilson's of the agreement at the agreement by chance
    that was seen."""
    expected = _by_chance(pairs)
    observed = sum(left == right for left, right in pairs) / len(pairs)

    def scaled(agreement: float) -> float:
        return (agreement - expected) / (1 - expected)

    value, error = scaled(observed), _variance(pairs, observed, expected) ** 0.5
    low, high = map(scaled, wilson(observed, len(pairs)))
    return Kappa(
        value, max(-1.0, min(low, value - QUANTILE * error)), min(1.0, max(high, value + QUANTILE * error)), len(pairs)
    )


def _variance(pairs: Sequence[tuple[str, str]], observed: float, expected: float) -> float:
    left, right = (Counter(side) for side in zip(*pairs, strict=True))
    of = len(pairs)
    total = 0.0
    for (first, second), count in Counter(pairs).items():
        # Shares of the row's label by the other reviewer, and of the column's by this one.
        margins = (left[second] + right[first]) / of
        term = (1 - expected) - margins * (1 - observed) if first == second else (1 - observed) * margins
        total += count / of * term**2
    total -= (observed * expected - 2 * expected + observed) ** 2
    return max(total, 0.0) / (of * (1 - expected) ** 4)


def _common(left: Mapping[str, str], right: Mapping[str, str]) -> Iterable[tuple[str, str]]:
    for example in sorted(left.keys() & right.keys()):
        pair = left[example], right[example]
        if UNSURE not in pair:
            yield pair


def _by_chance(pairs: Sequence[tuple[str, str]]) -> float:
    """How often two would agree who each give their labels as often as they do, and know nothing."""
    left, right = (Counter(side) for side in zip(*pairs, strict=True)) if pairs else (Counter[str](), Counter[str]())
    return sum(left[label] * right[label] for label in (SOUND, FAULTY)) / max(1, len(pairs)) ** 2
