"""How an audit of a whole grades it: a checkpoint, a reward, a set of preferences."""

from collections.abc import Iterable

PASS, WARN, REJECT = "pass", "warn", "reject"


def worst(grades: Iterable[str]) -> str:
    """The worst of the grades; PASS where there is none."""
    given = set(grades)
    return next((grade for grade in (REJECT, WARN) if grade in given), PASS)
