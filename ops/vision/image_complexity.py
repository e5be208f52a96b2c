"""How much there is to see in a picture, as far as its edges and its lightness tell, and how much looks written."""

from collections.abc import Iterator

import numpy as np

_STEEP = 32.0  # difference in lightness, of 255, between neighbours on either side of a pixel that makes it an edge
WRITING_PX = 640
"""Longer side at which a picture is searched for writing: at 384 px, letters of 10 to 14 px in a photo are lost."""
# Chosen on half of the photos of benchmarks/written_text.py, and other fonts than it reports.
_SHARP = 100  # difference in lightness, over two pixels, of a stroke's edges
_STROKE_PX = 8  # width of a stroke at most
_EVEN = 0.6  # the lower of a stroke's two edges, as a share of the higher
_BLOCK = 16
_ROWS = 0.4  # share of a block's rows that hold a stroke
_STROKES = 0.8  # strokes in a row of a block, on average
_RUN = 3  # blocks of a line


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


def written_share(grey: np.ndarray) -> float:
    """Share of a picture's blocks of 16 pixels (grey: (h, w), 0 to 255) that look written, from 0 to 1.

    Writing is made of strokes: a steep edge and, within few pixels to its right, one of the opposite sign and nearly
    the same height, as the stroke width transform pairs them (Epshtein, Ofek and Wexler, "Detecting Text in Natural
    Scenes with Stroke Width Transform", 2010), here along rows alone. A block looks written where many of its rows
    hold strokes of one sign (dark on light or light on dark), and three such blocks stand side by side. Writing that
    runs upwards is not seen, nor letters much larger than a block, and fences and foliage may look written.
    """
    high, wide = (side // _BLOCK for side in grey.shape)
    if not high or wide < _RUN:
        return 0.0
    written = np.zeros((high, wide), dtype=bool)
    for row, column in _strokes(grey[: high * _BLOCK, : wide * _BLOCK].astype(np.int16)):
        counts = np.bincount(row * wide + column // _BLOCK, minlength=high * _BLOCK * wide)
        rows = counts.reshape(high, _BLOCK, wide)
        written |= ((rows > 0).mean(axis=1) >= _ROWS) & (rows.mean(axis=1) >= _STROKES)
    runs = np.logical_and.reduce([written[:, at : wide - _RUN + 1 + at] for at in range(_RUN)])
    in_line = np.zeros_like(written)
    for at in range(_RUN):
        in_line[:, at : at + runs.shape[1]] |= runs
    return float(in_line.mean())


def _strokes(grey: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Row and column at which the dark strokes start, then those of the light ones."""
    step = np.zeros_like(grey)
    step[:, 1:-1] = grey[:, 2:] - grey[:, :-2]
    size = np.abs(step).ravel()
    at = np.flatnonzero(size >= _SHARP)
    # The steepest place of each edge; the first and the last column hold no step, so that both neighbours are there.
    at = at[(size[at] >= size[at - 1]) & (size[at] > size[at + 1])]
    row, column = np.divmod(at, grey.shape[1])
    edge = step.ravel()[at].astype(np.int64)
    edges, following = edge[:-1], edge[1:]
    near = (row[1:] == row[:-1]) & (at[1:] - at[:-1] <= _STROKE_PX) & (edges * following < 0)
    low, high = np.minimum(np.abs(edges), np.abs(following)), np.maximum(np.abs(edges), np.abs(following))
    for sign in (-1, 1):
        starts = np.flatnonzero(near & (low >= _EVEN * high) & (edges * sign > 0))
        yield row[starts], column[starts]
