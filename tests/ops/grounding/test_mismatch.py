"""The share of mismatched pairs, against samples of which it is known."""

import numpy as np
import pytest

from ops.grounding.mismatch import Cut, cuts_of, estimate_mismatch, expected_flags, mismatch_notes

OTHERS = 256


def drawn_ranks(seed: int, *, pairs: int, share: float, fit: float = 2.5) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Ranks among as many others, how many those are, and which pairs are mismatched: their score is drawn as those of
    the others are, that of the rest `fit` standard deviations higher."""
    rng = np.random.default_rng(seed)
    wrong = rng.random(pairs) < share
    compared = np.where(rng.random(pairs) < 0.3, OTHERS - 1, OTHERS)
    own = rng.normal(np.where(wrong, 0, fit))
    others = rng.normal(size=(pairs, OTHERS))
    others[compared < OTHERS, -1] = -np.inf
    return 1 + (others >= own[:, None]).sum(axis=1), compared, wrong


@pytest.mark.full
@pytest.mark.parametrize("share", [0.02, 0.1, 0.3])
def test_the_interval_holds_the_truth_about_as_often_as_it_says(share: float) -> None:
    held, estimates = 0, []
    for seed in range(60):
        rank, compared, wrong = drawn_ranks(seed, pairs=800, share=share)
        estimate = estimate_mismatch(rank, compared)
        assert estimate is not None
        held += estimate.low <= wrong.mean() <= estimate.high
        estimates.append(estimate.share)
    assert held >= 54
    assert np.mean(estimates) == pytest.approx(share, abs=0.03)


def test_all_and_none_mismatched() -> None:
    rank, compared, _ = drawn_ranks(0, pairs=2000, share=1.0)
    estimate = estimate_mismatch(rank, compared)
    assert estimate is not None
    assert estimate.high == 1.0
    assert estimate.share > 0.9
    rank, compared, _ = drawn_ranks(0, pairs=2000, share=0.0, fit=4)
    estimate = estimate_mismatch(rank, compared)
    assert estimate is not None
    assert (estimate.share, estimate.low) == (0.0, 0.0)
    assert 0 < estimate.high < 0.02
    assert estimate_mismatch(rank[:0], compared[:0]) is None


def test_an_encoder_that_tells_pairs_badly_makes_the_estimate_too_high_not_too_low() -> None:
    rank, compared, wrong = drawn_ranks(3, pairs=5000, share=0.1, fit=1.0)
    estimate = estimate_mismatch(rank, compared)
    assert estimate is not None
    assert estimate.share > wrong.mean()


def test_wrong_flags_are_foreseen() -> None:
    rank, compared, wrong = drawn_ranks(5, pairs=20_000, share=0.1, fit=2.0)
    estimate = estimate_mismatch(rank, compared)
    assert estimate is not None
    flags = expected_flags(rank, compared, cut=0.25, estimate=estimate)
    flagged = rank / (compared + 1) >= 0.25
    assert flags.flagged == flagged.sum()
    assert flags.wrong == pytest.approx((~wrong[flagged]).mean(), abs=0.05)
    assert flags.low <= flags.wrong <= flags.high
    assert flags.caught == pytest.approx(flagged[wrong].mean(), abs=0.03)


def test_a_cut_that_flags_nothing_is_never_wrong() -> None:
    estimate = estimate_mismatch(np.ones(50, int), np.full(50, 99))
    assert estimate is not None
    flags = expected_flags(np.ones(50, int), np.full(50, 99), cut=0.5, estimate=estimate)
    assert (flags.flagged, flags.wrong, flags.high) == (0, 0.0, 0.0)


def test_cuts_are_read_from_the_rules_of_the_audit() -> None:
    bound = {"column": "p_value", "comparison": ">=", "value": 0.5}
    turns = {"column": "turns", "comparison": ">=", "value": 3}
    rules = [
        {"name": "wrong_image", "audit": "conversation_grounding", "when": [turns, bound]},
        {"name": "other", "audit": "grounding", "when": [bound]},
        {"name": "good", "audit": "conversation_grounding", "when": [bound | {"comparison": "<"}]},
    ]
    assert cuts_of(rules, "conversation_grounding") == [Cut("wrong_image", 0.5, 3)]


def test_notes_name_the_rule_and_count_the_pairs_it_looks_at() -> None:
    rank, compared, _ = drawn_ranks(1, pairs=1200, share=0.1)
    turns = np.arange(1200) % 6
    whole, of_rule = mismatch_notes(rank, compared, turns, [Cut("wrong_image", 0.5, 3)])
    assert whole.startswith("Of 1,200 conversations")
    assert of_rule.startswith("wrong_image: of the 600 with 3 turns or more, ")
    assert mismatch_notes(rank[:0], compared[:0], turns[:0], [Cut("wrong_image", 0.5)]) == []
