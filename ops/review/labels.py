"""Labels of reviewers on a sample: what they agree on, and how well they agree."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations

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


def kappas(labels: ByReviewer) -> dict[tuple[str, str], tuple[float, int]]:
    """Cohen's (1960) kappa of each two reviewers over what both called faulty or sound, and of how many examples; no
    entry where fewer than two are common, or both say the same of all and chance would too."""
    agreement: dict[tuple[str, str], tuple[float, int]] = {}
    for left, right in combinations(sorted(labels), 2):
        pairs = list(_common(labels[left], labels[right]))
        expected = _by_chance(pairs)
        if len(pairs) > 1 and expected < 1:
            observed = sum(first == second for first, second in pairs) / len(pairs)
            agreement[left, right] = (observed - expected) / (1 - expected), len(pairs)
    return agreement


def _common(left: Mapping[str, str], right: Mapping[str, str]) -> Iterable[tuple[str, str]]:
    for example in sorted(left.keys() & right.keys()):
        pair = left[example], right[example]
        if UNSURE not in pair:
            yield pair


def _by_chance(pairs: Sequence[tuple[str, str]]) -> float:
    """How often two would agree who each give their labels as often as they do, and know nothing."""
    left, right = (Counter(side) for side in zip(*pairs, strict=True)) if pairs else (Counter[str](), Counter[str]())
    return sum(left[label] * right[label] for label in (SOUND, FAULTY)) / max(1, len(pairs)) ** 2
