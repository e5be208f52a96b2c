"""Reliability of raters from their agreements."""

from itertools import combinations

import numpy as np
import pytest

from ops.corpus.reliability import Agreement, fit_reliability, log_odds


def agreements_of(truth: dict[str, float], subjects: int, *, each: int, seed: int) -> list[Agreement]:
    """Agreements of raters with the given reliabilities, `each` of whom judge every subject."""
    drawn = np.random.default_rng(seed)
    names = sorted(truth)
    counts: dict[tuple[str, str], list[int]] = {}
    for _ in range(subjects):
        chosen = sorted(drawn.choice(names, each, replace=False))
        right = {name: drawn.random() < truth[name] for name in chosen}
        for pair in combinations(chosen, 2):
            count = counts.setdefault(pair, [0, 0])
            count[0] += 1
            count[1] += right[pair[0]] == right[pair[1]]
    return [Agreement(a, b, n, agreed) for (a, b), (n, agreed) in counts.items()]


def test_planted_reliabilities_are_recovered() -> None:
    truth = {f"rater {n}": p for n, p in enumerate(np.linspace(0.55, 0.97, 12))} | {"liar": 0.2}
    fitted = fit_reliability(agreements_of(truth, 6000, each=3, seed=1))
    errors = [abs(fitted[name] - p) for name, p in truth.items()]
    assert max(errors) < 0.06
    assert np.corrcoef([fitted[name] for name in truth], list(truth.values()))[0, 1] > 0.98


def test_a_rater_seldom_compared_stays_near_what_is_expected() -> None:
    fitted = fit_reliability([Agreement("a", "b", 1, 0)], expected=0.85)
    assert 0.6 < fitted["a"] < 0.85
    assert fitted["b"] == pytest.approx(fitted["a"])
    assert fit_reliability([]) == {}


def test_order_and_names_do_not_matter() -> None:
    made = agreements_of({"a": 0.9, "b": 0.7, "c": 0.6}, 200, each=2, seed=2)
    renamed = [Agreement(f"z{m.other}", f"z{m.rater}", m.together, m.agreed) for m in made[::-1]]
    fitted, again = fit_reliability(made), fit_reliability(renamed)
    assert {f"z{name}": pytest.approx(p) for name, p in fitted.items()} == again


def test_weight_of_a_vote() -> None:
    assert log_odds(0.5) == 0
    assert log_odds(0.8) == pytest.approx(-log_odds(0.2))
