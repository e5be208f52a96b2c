"""Linear classifiers of texts."""

import random

import numpy as np
import pytest

from ops.core.accuracy import auroc
from ops.text.fingerprints import fit_linear, style_of, words_of

WORDS = [f"word{n:03}" for n in range(200)]


def areas(texts: list[str], is_true: np.ndarray) -> dict[str, float]:
    """AUROC, on the second half, of classifiers fitted on the first."""
    first = np.arange(len(texts)) < len(texts) // 2
    by_key = {}
    for name, reader in (("words", words_of), ("style", style_of)):
        features = reader(texts)
        score = fit_linear(features.of(first), is_true[first]).probability(features.of(~first))
        by_key[name] = auroc(score[is_true[~first]], score[~is_true[~first]]) or 0.0
    return by_key


@pytest.mark.full
def test_words_and_style_are_told_apart() -> None:
    drawn = random.Random(3)  # noqa: S311
    is_true = np.array([drawn.random() < 0.3 for _ in range(1200)])

    def text(length: int, mark: str) -> str:
        return " ".join([*drawn.choices(WORDS, k=length), mark])

    by_word = areas([text(20, "marked1" if kind else "marked2") for kind in is_true], is_true)
    assert by_word["words"] > 0.99
    assert 0.4 < by_word["style"] < 0.6
    by_length = areas([text(drawn.randint(30, 40) if kind else 20, "x") for kind in is_true], is_true)
    assert by_length["style"] > 0.99
    assert by_length["words"] < 0.8
    nothing = areas([text(20, "x") for _ in is_true], is_true)
    assert all(0.4 < area < 0.6 for area in nothing.values())


def test_probabilities_are_of_even_kinds() -> None:
    texts = ["same"] * 100
    model = fit_linear(words_of(texts), np.arange(100) < 10)
    assert model.probability(words_of(["same", ""])) == pytest.approx([0.5, 0.5], abs=0.01)
