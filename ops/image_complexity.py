"""How much there is to see in a picture, as far as its edges and its lightness tell."""

import numpy as np

_STEEP = 32.0  # difference in lightness, of 255, between neighbours on either side of a pixel that makes it an edge


def complexity(rgb: np.ndarray) -> tuple[float, float]:
    """Share of a picture's pixels (h, w, 3; uint8) that lie on an edge (Sobel's gradient, at least 32 of 255), and the
    entropy of its lightness in bits (0 to 8). Compare only pictures shrunk to one size: detail goes with size."""
    grey = rgb.astype(np.float64) @ np.array([0.299, 0.587, 0.114])
    counts = np.bincount(np.rint(grey).astype(np.int64).ravel(), minlength=256)
    shares = counts[counts > 0] / grey.size
    # Adding 0.0 turns -0.0, the entropy of a flat picture, into 0.0.
    entropy = float(-(shares * np.log2(shares)).sum()) + 0.0
    if min(grey.shape) < 3:
        return 0.0, entropy
    return float((_gradient(grey) >= _STEEP).mean()), entropy


def _gradient(grey: np.ndarray) -> np.ndarray:
    """Length of Sobel's gradient (h - 2, w - 2), by its kernels' weights over 4: the step between both sides."""
    rows = (grey[:-2] + 2 * grey[1:-1] + grey[2:]) / 4
    columns = (grey[:, :-2] + 2 * grey[:, 1:-1] + grey[:, 2:]) / 4
    return np.hypot(rows[:, 2:] - rows[:, :-2], columns[2:] - columns[:-2])
