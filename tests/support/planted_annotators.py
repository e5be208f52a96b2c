"""Made-up annotators: all alike, unlike in how often they are right, leaning to one answer, or with hard subjects."""

import numpy as np

from ops.corpus.votes import Votes


def planted(kind: str, seed: int, *, subjects: int = 400, raters: int = 30, each: int = 5) -> tuple[Votes, np.ndarray]:
    """`each` votes on every subject, and whether each subject is so (bool)."""
    drawn = np.random.default_rng(seed)
    truth = drawn.random(subjects) < 0.5
    yes, no = np.full(raters, 0.75), np.full(raters, 0.75)
    if kind == "unlike":
        yes = no = drawn.choice([0.55, 0.95], raters)
    elif kind == "leaning":
        lean = drawn.random(raters) < 0.7
        yes, no = np.where(lean, 0.55, 0.9), np.where(lean, 0.97, 0.7)
    elif kind == "hard":
        yes = no = drawn.choice([0.62, 0.95], raters)
    subject = np.repeat(np.arange(subjects), each)
    rater = np.concatenate([np.sort(drawn.choice(raters, each, replace=False)) for _ in range(subjects)])
    chance = np.where(truth[subject], yes[rater], no[rater])
    if kind == "hard":
        chance = np.where((drawn.random(subjects) < 0.4)[subject], 0.5 + 0.2 * (chance - 0.5), chance)
    right = drawn.random(len(subject)) < chance
    return Votes(subject, rater, truth[subject] == right, subjects, raters), truth


def right_share(odds: np.ndarray, truth: np.ndarray) -> float:
    """The share of the subjects that the log-odds of yes decide rightly; a tie counts half."""
    return float(np.where(odds == 0, 0.5, (odds > 0) == truth).mean())
