"""Complexity of a picture: flat, one edge, noise."""

import numpy as np
import pytest

from ops.image_complexity import complexity


def grey(values: np.ndarray) -> np.ndarray:
    return np.repeat(values[..., None], 3, axis=2).astype(np.uint8)


def test_a_flat_picture_has_neither_edges_nor_entropy() -> None:
    assert complexity(grey(np.full((64, 48), 77))) == (0.0, 0.0)


def test_one_edge() -> None:
    half = np.zeros((66, 66))
    half[:, 33:] = 255
    edges, entropy = complexity(grey(half))
    assert edges == pytest.approx(2 / 64), "the gradient sees the step from the pixels on either side of it"
    assert entropy == pytest.approx(1.0)


def test_noise_is_nearly_all_edges() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64))
    edges, entropy = complexity(grey(noise))
    assert edges > 0.85
    assert 7.9 < entropy <= 8


def test_a_slope_has_entropy_and_no_edges() -> None:
    edges, entropy = complexity(grey(np.tile(np.arange(64) * 4, (64, 1))))
    assert edges == 0
    assert entropy == pytest.approx(6.0)


def test_a_picture_of_one_pixel() -> None:
    assert complexity(grey(np.array([[9]]))) == (0.0, 0.0)
