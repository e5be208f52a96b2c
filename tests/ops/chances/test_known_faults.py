"""How likely rows have a fault, against samples of which it is known which have it and how it scores."""

import numpy as np
import pytest

from ops.chances.known_faults import FEWEST_CANARIES, FaultModel, fit_fault

SHARES = (0.0, 0.02, 0.05, 0.1, 0.2)


def sampled(
    seed: int, *, share: float, rows: int = 1500, canaries: int = 100, apart: float = 3.0, step: float = 0.0
) -> tuple[list[str], np.ndarray, np.ndarray, np.ndarray]:
    """Ids, scores of own rows, scores of canaries, and which own rows are faulty. These score as canaries do, sound
    ones `apart` lower with a spread of 0.7; `step` rounds all scores."""
    rng = np.random.default_rng(seed)
    faulty = rng.random(rows) < share
    own = np.where(faulty, rng.normal(size=rows), rng.normal(-apart, 0.7, rows))
    damaged = rng.normal(size=canaries)
    if step:
        own, damaged = np.round(own / step) * step, np.round(damaged / step) * step
    return [f"{n:05}" for n in rng.permutation(rows)], own, damaged, faulty


def fitted(seed: int, **how: float) -> tuple[FaultModel, np.ndarray, np.ndarray]:
    """The model, the chance of each own row, and which are faulty."""
    ids, own, damaged, faulty = sampled(seed, **how)  # pyright: ignore[reportArgumentType]
    model = fit_fault(ids, own, damaged)
    return model, model.chances(ids, own)[0], faulty


@pytest.mark.full
@pytest.mark.parametrize("step", [0.0, 0.5])
@pytest.mark.parametrize("share", SHARES)
def test_chances_come_true_as_often_as_they_say(share: float, step: float) -> None:
    """Also of scores with many ties. Few faulty rows are as few as sound ones that look so (`unseen`): then they are
    told less than comes true, never more."""
    runs = [fitted(seed, share=share, step=step) for seed in range(6)]
    assert not any(model.why for model, _, _ in runs)
    assert np.mean([model.share for model, _, _ in runs]) == pytest.approx(share, abs=0.015)
    chance, faulty = (np.concatenate([run[at] for run in runs]) for at in (1, 2))
    for least, most in ((0.0, 0.1), (0.1, 0.5), (0.5, 0.9), (0.9, 1.0)):
        inside = (least <= chance) & (chance <= most)
        if inside.sum() > 50:
            sigma = np.sqrt(0.25 / inside.sum())
            assert -0.08 - 2 * sigma < faulty[inside].mean() - chance[inside].mean() < (0.3 if share < 0.1 else 0.1)
    flagged = chance >= 0.5
    if share >= 0.05:
        assert flagged[faulty].mean() > 0.7
        assert faulty[flagged].mean() > 0.9


@pytest.mark.parametrize("apart", [2.0, 3.0, 6.0])
def test_a_delivery_without_the_fault_gets_almost_no_flags(apart: float) -> None:
    model, chance, _ = fitted(7, share=0.0, rows=600, apart=apart)
    assert not model.why
    assert (chance >= 0.5).mean() <= 0.005


def test_nothing_is_told_of_what_cannot_be_told() -> None:
    few = fitted(1, share=0.1, rows=400, canaries=FEWEST_CANARIES - 1)
    small = fitted(1, share=0.1, rows=90)
    alike = fitted(1, share=0.0, rows=400, apart=0.5)
    for (model, chance, _), why in ((few, "29 canaries"), (small, "90 own rows"), (alike, "AUROC 0.6")):
        assert why in model.why
        assert np.isnan(chance).all()
    ids, own, damaged, _ = sampled(2, share=0.1, rows=400)
    chances = fit_fault(ids, own, damaged).chances(["a", "b"], np.array([np.nan, 2.0]))
    assert np.isnan(chances[:, 0]).all()
    assert 0.8 < chances[0, 1] <= 1.0


def test_the_worse_a_score_the_likelier_and_the_interval_holds_the_chance() -> None:
    ids, own, damaged, _ = sampled(3, share=0.05, rows=500, step=0.25)
    model = fit_fault(ids, own, damaged)
    scores = np.linspace(-6, 4, 81)
    mean, low, high = model.chances(["the same row"] * len(scores), scores)
    assert np.all(np.diff(mean) >= -1e-9)
    assert np.all((low <= mean + 1e-9) & (mean <= high + 1e-9))
    assert model.low <= model.share <= model.high


def test_the_order_of_rows_decides_nothing() -> None:
    ids, own, damaged, _ = sampled(4, share=0.05, rows=300)
    turned = np.random.default_rng(0).permutation(300)
    before = fit_fault(ids, own, damaged).chances(ids, own)
    again = fit_fault([ids[at] for at in turned], own[turned], damaged[::-1]).chances(ids, own)
    np.testing.assert_allclose(again, before)


def test_a_row_is_judged_by_models_of_other_rows() -> None:
    """One row far on the faulty side moves the models of all parts but its own."""
    ids, own, damaged, _ = sampled(5, share=0.0, rows=200)
    moved = own.copy()
    moved[0] = 3.0
    at = np.argmax(own)
    apart = fit_fault(ids, own, damaged), fit_fault(ids, moved, damaged)
    changed = [
        part
        for part, (before, after) in enumerate(zip(*(model.models for model in apart), strict=True))
        if before[0].wrong_share != after[0].wrong_share
    ]
    assert len(changed) == len(apart[0].models) - 1
    assert own[at] < damaged.max()
