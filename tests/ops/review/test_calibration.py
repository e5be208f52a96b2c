"""Figures from labels: intervals cover what is so in repeated samples, and reviewers agree as Cohen counts it."""

from collections import Counter

import numpy as np
import pytest

from ops.review.calibration import (
    Labelled,
    fault_rate,
    promises,
    rule_accuracy,
    share,
    suggested_threshold,
    threshold_curve,
)
from ops.review.labels import agreed, kappas
from ops.review.sampling import draw, strata_of

WORLDS = [
    {"rows": 4000, "labels": 200, "rate": 0.1, "noise": 0.15},
    {"rows": 4000, "labels": 60, "rate": 0.1, "noise": 0.15},
    {"rows": 4000, "labels": 200, "rate": 0.02, "noise": 0.15},
    {"rows": 4000, "labels": 400, "rate": 0.3, "noise": 0.3},
    {"rows": 300, "labels": 100, "rate": 0.1, "noise": 0.15},
]
DRAWS = 120


def world(rows: int, rate: float, noise: float) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    faulty = rng.random(rows) < rate
    return faulty, np.clip(np.where(faulty, 0.7, 0.25) + rng.normal(0, noise, rows), 0, 1)


def samples(faulty: np.ndarray, score: np.ndarray, labels: int, draws: int) -> list[tuple[Labelled, np.ndarray]]:
    """Samples of those rows, and which of their rows the rule `score > 0.55` flags."""
    actions = np.select([score > 0.75, score > 0.55], ["drop", "hold"], "keep").tolist()
    strata = strata_of(actions, score)
    _, at = np.unique(strata, return_inverse=True)
    means = (np.bincount(at, score) / np.bincount(at))[at]
    ids = [str(row) for row in range(len(faulty))]
    made = []
    for seed in range(draws):
        drawn = draw(ids, strata, labels, seed=seed)
        of = np.array(drawn.strata)
        kept = Labelled(faulty[drawn.rows], of, drawn.of.astype(float), score[drawn.rows], means[drawn.rows])
        made.append((kept, score[drawn.rows] > 0.55))
    return made


@pytest.mark.full
@pytest.mark.parametrize("of", WORLDS, ids=lambda of: "-".join(map(str, of.values())))
def test_intervals_cover_at_least_at_the_nominal_rate(of: dict[str, float]) -> None:
    faulty, score = world(int(of["rows"]), of["rate"], of["noise"])
    flagged = score > 0.55
    truth = {"precision": faulty[flagged].mean(), "recall": flagged[faulty].mean()}
    truth |= {"false_positive_rate": flagged[~faulty].mean(), "rate": faulty.mean(), "plain": faulty.mean()}
    covered, widths = Counter[str](), Counter[str]()
    for labelled, flags in samples(faulty, score, int(of["labels"]), DRAWS):
        accuracy = rule_accuracy(labelled, flags)
        every = np.ones(len(flags), dtype=bool)
        estimates = {name: getattr(accuracy, name) for name in list(truth)[:3]}
        estimates |= {"rate": fault_rate(labelled)[0], "plain": share(labelled, labelled.faulty, every)}
        for name, estimate in estimates.items():
            covered[name] += estimate.low <= truth[name] <= estimate.high
            widths[name] += estimate.high - estimate.low
    # Of 120 draws at 95 %, fewer than 107 are covered once in 500 times.
    assert {name: count for name, count in covered.items() if count < 107} == {}
    assert widths["rate"] / DRAWS < 0.2, "an interval that says nothing covers too"


def test_a_figure_sharpens_the_rate_of_faults_and_a_useless_one_does_not_bias_it() -> None:
    faulty, score = world(1000, 0.1, 0.15)
    rng = np.random.default_rng(0)
    for own, within in ((score, 0.03), (rng.random(1000), 0.04)):
        strata = ["keep/all"] * 1000
        ids = [str(row) for row in range(1000)]
        rates, plain = [], []
        for seed in range(40):
            drawn = draw(ids, strata, 100, seed=seed)
            of = np.array(drawn.strata)
            mean = np.full(100, own.mean())
            labelled = Labelled(faulty[drawn.rows], of, drawn.of.astype(float), own[drawn.rows], mean)
            rates.append(fault_rate(labelled)[0].value)
            plain.append(faulty[drawn.rows].mean())
        assert abs(np.mean(rates) - faulty.mean()) < 0.015
        assert np.std(rates) < within
        if own is score:
            assert np.std(rates) < 0.9 * np.std(plain)


def test_a_threshold_is_suggested_for_a_precision() -> None:
    faulty, score = world(4000, 0.1, 0.15)
    ((labelled, _),) = samples(faulty, score, 400, 1)
    curve = threshold_curve(labelled)
    best = suggested_threshold(curve, target=0.9)
    assert best is not None
    value, precision, recall = best
    flagged = score >= value
    assert precision.value >= 0.9
    assert precision.low <= faulty[flagged].mean() <= precision.high
    assert recall.low <= flagged[faulty].mean() <= recall.high
    assert suggested_threshold(curve, target=1.01) is None


def test_nothing_is_told_where_nothing_is_labelled() -> None:
    none = np.zeros(0)
    empty = Labelled(none.astype(bool), none.astype(str), none, none, none)
    accuracy = rule_accuracy(empty, none.astype(bool))
    for estimate in (accuracy.precision, accuracy.recall, fault_rate(empty)[0]):
        assert (np.isnan(estimate.value), estimate.low, estimate.high, estimate.rows) == (True, 0.0, 1.0, 0)


def test_reviewers_agree_as_cohen_counts_it() -> None:
    # Cohen's table of 50: both yes 20, both no 15, otherwise 5 and 10.
    pairs = [("faulty", "faulty")] * 20 + [("sound", "sound")] * 15
    pairs += [("faulty", "sound")] * 5 + [("sound", "faulty")] * 10
    labels = {f"e{n}": left for n, (left, _) in enumerate(pairs)} | {"x": "unsure"}
    other = {f"e{n}": right for n, (_, right) in enumerate(pairs)} | {"x": "sound"}
    (kappa,) = kappas({"b": other, "a": labels}).values()
    assert (kappa.value, kappa.rows) == (pytest.approx(0.4), 50)
    # Wilson's end below; above that of Fleiss, Cohen and Everitt, whose standard error of this table is 0.127.
    assert (kappa.low, kappa.high) == (pytest.approx(0.125, abs=0.001), pytest.approx(0.649, abs=0.001))
    assert kappas({"a": {"e": "sound", "f": "sound"}, "b": {"e": "sound", "f": "sound"}}) == {}
    truth = agreed({"a": labels, "b": other})
    assert sum(truth.values()) == 20
    assert len(truth) == 36, "ties are left out; of the unsure one the other's word counts"
    assert truth["x"] is False


@pytest.mark.parametrize(("rate", "slip"), [(0.5, 0.1), (0.15, 0.05), (0.4, 0.25)])
def test_intervals_of_kappa_hold_the_truth(rate: float, slip: float) -> None:
    """Each of two reviewers is wrong of 60 examples with a chance of `slip`, apart from the other."""
    drawn = np.random.default_rng(0)
    agreeing = slip**2 + (1 - slip) ** 2
    says_faulty = rate * (1 - slip) + (1 - rate) * slip
    by_chance = says_faulty**2 + (1 - says_faulty) ** 2
    true, held = (agreeing - by_chance) / (1 - by_chance), 0
    for _ in range(200):
        faulty = drawn.random(60) < rate
        words = [np.where(faulty ^ (drawn.random(60) < slip), "faulty", "sound").tolist() for _ in range(2)]
        labels = {name: dict(zip(map(str, range(60)), own, strict=True)) for name, own in zip("ab", words, strict=True)}
        (kappa,) = kappas(labels).values()
        held += kappa.low <= true <= kappa.high
    assert held >= 0.94 * 200


@pytest.mark.full
def test_probabilities_that_come_true_are_said_to_and_others_are_not() -> None:
    rng = np.random.default_rng(5)
    probability = rng.beta(0.3, 0.9, 3000)
    kept, rows = Counter[float](), Counter[float]()
    for _ in range(60):
        ((labelled, _),) = samples(rng.random(3000) < probability, probability, 150, 1)
        made = promises(labelled)
        assert sum(promise.faulty.rows for promise in made) == len(labelled.faulty)
        rows.update(promise.low for promise in made)
        kept.update(promise.low for promise in made if promise.is_kept)
    # Of 60 draws at 95 %, fewer than 51 are covered once in 2,000 times.
    assert set(rows) == {0.0, 0.1, 0.5, 0.9}
    assert all(kept[low] >= rows[low] - 9 for low in rows), (kept, rows)
    for labelled, _ in samples(rng.random(3000) < probability / 4, probability, 150, 5):
        broken = {promise.low for promise in promises(labelled) if not promise.is_kept}
        assert {0.5, 0.9} <= broken
