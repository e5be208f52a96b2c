"""Labels correct probabilities that are wrong, and leave alone those that are right."""

from functools import lru_cache

import numpy as np
import pytest

from ops.chances.known_faults import fit_fault
from ops.chances.recalibration import FEWEST, Recalibration, recalibration
from ops.chances.reliability import calibration_error

OWN, CANARIES = 2000, 80


@lru_cache
def delivery(seed: int, *, alike: float) -> tuple[np.ndarray, np.ndarray]:
    """Chances that canaries tell of a delivery's rows of which a tenth is faulty, and which are. A share `alike` of the
    sound ones scores as if they were faulty, which no canary tells."""
    rng = np.random.default_rng(seed)
    faulty = rng.random(OWN) < 0.1
    as_faulty = faulty | (rng.random(OWN) < alike)
    scores = np.where(as_faulty, rng.normal(3, 1, OWN), rng.normal(-2, 1, OWN))
    model = fit_fault([f"{n}" for n in range(OWN)], scores, rng.normal(3, 1, CANARIES))
    assert not model.why
    return model.chances([f"{n}" for n in range(OWN)], scores)[0], faulty


def labelled(chances: np.ndarray, faulty: np.ndarray, count: int, seed: int) -> Recalibration:
    """What labels tell: half of them of rows that are flagged, as reviewers get them, half of all."""
    rng = np.random.default_rng(seed + 1000)
    flagged, others = np.flatnonzero(chances >= 0.5), np.flatnonzero(chances < 0.5)
    drawn = [rng.choice(rows, min(count // 2, len(rows)), replace=False) for rows in (flagged, others)]
    weights = np.concatenate(
        [np.full(len(d), len(rows) / len(d)) for d, rows in zip(drawn, (flagged, others), strict=True)]
    )
    at = np.concatenate(drawn)
    return recalibration([f"{n}" for n in at], chances[at], faulty[at], weights)


def errors(alike: float, count: int) -> tuple[float, float, int]:
    """The mean calibration error without and with labels, over deliveries, and in how many labels told something."""
    before, after, heard = [], [], 0
    for seed in range(12):
        chances, faulty = delivery(seed, alike=alike)
        known = labelled(chances, faulty, count, seed)
        heard += not known.why
        rows = np.arange(OWN)
        before.append(calibration_error(chances, faulty, rows)[0])
        after.append(calibration_error(known.corrected(chances), faulty, rows)[0])
    return float(np.mean(before)), float(np.mean(after)), heard


def test_labels_lower_the_error_where_sound_rows_look_faulty() -> None:
    before, after, heard = errors(alike=0.1, count=120)
    assert heard >= 10
    assert before > 0.05
    assert after < before / 2


def test_more_labels_lower_it_further() -> None:
    assert errors(alike=0.1, count=400)[1] < errors(alike=0.1, count=60)[1]


def test_chances_that_are_right_stay_nearly_so() -> None:
    before, after, _ = errors(alike=0.0, count=120)
    assert after <= before + 0.01


def test_few_labels_tell_nothing() -> None:
    chances, faulty = delivery(0, alike=0.1)
    known = labelled(chances, faulty, FEWEST - 2, 0)
    assert "labels" in known.why
    assert known.corrected(chances) is chances
    assert recalibration(["a"] * 100, np.full(100, 0.9), np.ones(100, dtype=bool), np.ones(100)).why


@pytest.mark.parametrize("seed", range(3))
def test_a_likelier_row_stays_likelier(seed: int) -> None:
    chances, faulty = delivery(seed, alike=0.1)
    known = labelled(chances, faulty, 200, seed)
    order = np.argsort(chances, kind="stable")
    assert (np.diff(known.corrected(chances)[order]) >= 0).all()
    assert np.isnan(known.corrected(np.array([np.nan]))).all()
