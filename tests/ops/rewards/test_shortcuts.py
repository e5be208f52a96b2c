"""Planted shortcuts of preference pairs are named, and only they; weights take them away."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ops.rewards.shortcuts import Pair, Shortcut, shortcuts_of

NOUNS = ["cat", "dog", "bus", "tree", "house", "boat", "cup", "lamp"]


def answers(chance: np.random.Generator) -> tuple[str, str]:
    first, second = chance.choice(NOUNS, 2, replace=False)
    return f"There is a {first} in the picture", f"There is a {second} in the picture"


def pairs(kind: str, count: int = 300, share: float = 0.9, seed: int = 0) -> list[Pair]:
    """Pairs of which `share` have the shortcut on the chosen side, the rest on the other."""
    chance = np.random.default_rng(seed)
    made: list[Pair] = []
    for number in range(count):
        chosen, rejected = answers(chance)
        planted = {
            "length": " next to some other things that one can see there",
            "style": "!\n- **seen**\n- **sure**",
            "words": " definitely",
            "none": "",
        }[kind]
        filler = {"words": " apparently", "style": " x x x"}.get(kind, "")
        if chance.random() < share:
            chosen, rejected = chosen + planted, rejected + filler
        else:
            chosen, rejected = chosen + filler, rejected + planted
        made.append(Pair(f"e{number}", f"q{number % 60}", chosen, rejected))
    return made


def by_name(made: list[Pair]) -> dict[str, Shortcut]:
    return {shortcut.name: shortcut for shortcut in shortcuts_of(made).shortcuts}


def test_honest_pairs_have_none() -> None:
    for seed in range(5):
        assert {shortcut.verdict for shortcut in by_name(pairs("none", seed=seed)).values()} == {"pass"}


@pytest.mark.full
@pytest.mark.parametrize(("kind", "verdict"), [("length", "reject"), ("style", "reject"), ("words", "warn")])
def test_a_planted_one_is_told_in_the_share_it_was_planted_in(kind: str, verdict: str) -> None:
    shortcuts = by_name(pairs(kind))
    assert shortcuts[kind].verdict == verdict
    assert shortcuts[kind].interval[0] < 0.92
    assert shortcuts[kind].share > 0.85
    if kind == "words":
        assert shortcuts["length"].verdict == shortcuts["style"].verdict == "pass"


def test_weights_take_length_away_and_say_what_they_cost() -> None:
    made = shortcuts_of(pairs("length"))
    length = next(shortcut for shortcut in made.shortcuts if shortcut.name == "length")
    assert length.share_weighed < length.share - 0.2
    assert made.weights.mean() == pytest.approx(1)
    assert 0.3 < made.effective_share < 0.9
    assert shortcuts_of(pairs("none")).effective_share > 0.95


@pytest.mark.full
@settings(max_examples=10)
@given(st.lists(st.tuples(st.text(max_size=20), st.text(max_size=20)), min_size=1, max_size=30), st.integers(0, 9))
def test_any_texts_and_either_side_first(texts: list[tuple[str, str]], seed: int) -> None:
    made = [Pair(str(n), str(n), chosen, rejected) for n, (chosen, rejected) in enumerate(texts)]
    result = shortcuts_of(made, seed=seed)
    assert np.isfinite(result.weights).all()
    assert all(0 <= shortcut.share <= 1 for shortcut in result.shortcuts)
