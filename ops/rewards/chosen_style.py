"""How chosen answers are put, as far as words at their beginning and end tell: a reward model that is trained on the
pairs may pay for that, whatever the answer says."""

from collections import Counter
from collections.abc import Iterable, Sequence

from ops.core.accuracy import wilson

_FEWEST = 5
"""Chosen answers with the same words, from which on they are a habit."""
_LEAST_SHARE = 0.6
"""Of the answers with these words that are chosen ones; what is held against it is the lower end of the interval."""
_LENGTHS = (2, 3, 4)
"""Words at either end."""


def chosen_frame(pairs: Sequence[tuple[str, str]]) -> str | None:
    """The words with which chosen answers of the pairs (chosen, rejected) begin and end and rejected ones do not, with
    `{answer}` between; None where none are a habit of theirs."""
    chosen = [chosen.split() for chosen, _ in pairs]
    rejected = [rejected.split() for _, rejected in pairs]
    opening = _habit(_openings(chosen), _openings(rejected))
    ending = _habit(_endings(chosen), _endings(rejected))
    return " ".join(filter(None, (opening, "{answer}", ending))) if opening or ending else None


def _openings(answers: Iterable[Sequence[str]]) -> Counter[str]:
    return Counter(" ".join(words[:length]) for words in answers for length in _LENGTHS if len(words) > length)


def _endings(answers: Iterable[Sequence[str]]) -> Counter[str]:
    return Counter(" ".join(words[-length:]) for words in answers for length in _LENGTHS if len(words) > length)


def _habit(chosen: Counter[str], rejected: Counter[str]) -> str:
    """What most chosen answers share and rejected ones do not, of several the longest; empty where there is none."""
    habits = [
        (count, len(words), words)
        for words, count in chosen.items()
        if count >= _FEWEST and _low(count, count + rejected[words]) > _LEAST_SHARE
    ]
    return max(habits, default=(0, 0, ""))[2]


def _low(count: int, of: int) -> float:
    return wilson(count / of, of)[0]
