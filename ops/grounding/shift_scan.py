"""A scan for runs of rows that fit the image k rows away better than their own."""

from dataclasses import dataclass

import numpy as np

_CLIP = 4.0
# Taken off each row's gain before stretches are summed, in units of the file's spread: none for long stretches that
# gain little, more for short ones that gain much.
_COSTS = (0.0, 0.75)
# Euler's constant: the mean of the standard Gumbel distribution.
_GUMBEL_MEAN = 0.5772156649


@dataclass(frozen=True, slots=True)
class Run:
    """Rows `start` to `stop` (excluded) fit the image `shift` rows on; `p_value` is that of the scan that found it."""

    start: int
    stop: int
    shift: int
    p_value: float


def partners(rows: np.ndarray, k: int) -> np.ndarray:
    """Place of the row numbered k more than each in `rows` (n, rising), -1 where there is none."""
    at = np.minimum(np.searchsorted(rows, rows + k), len(rows) - 1)
    return np.where(rows[at] == rows + k, at, -1)


def shift_scores(
    rows: np.ndarray, texts: np.ndarray, images: np.ndarray, *, usable: np.ndarray, reach: int
) -> np.ndarray:
    """Scores (n, 2 reach + 1) of each row's text with the image k rows on, k from -reach to reach; NaN where there is
    no such row, or it or this one is not usable. `rows` (n, rising) are numbers, `texts` and `images` (n, d)."""
    scores = np.full((len(rows), 2 * reach + 1), np.nan, dtype=np.float32)
    for column, k in enumerate(range(-reach, reach + 1)):
        there = partners(rows, k)
        both = np.flatnonzero((there >= 0) & usable & usable[there])
        scores[both, column] = np.einsum("nd,nd->n", texts[both], images[there[both]])
    return scores


def find_runs(
    scores: np.ndarray, *, fewest: int, rounds: int, level: float, most: int, seed: int
) -> tuple[list[Run], float]:
    """The runs of at least `fewest` rows, strongest first, and the p-value of the strongest one, found or not.

    The statistic is the largest sum, over shifts k and stretches of rows, of what the image k rows on scores above the
    row's own (a scan statistic). Null hypothesis: a row's own image is one of its neighbours like any other, so that
    turning each row's scores round by a random number of places changes nothing. This is the hardest case of a file
    without a shift: where rows fit their own images the true statistic is far smaller, so that p is too large, never
    too small. `rounds` turned copies are drawn; the tail beyond them follows the Gumbel distribution that maxima of
    scans tend to. A run found is taken out and the rest is scanned again, up to `most` times.
    """
    gains = _scaled(scores)
    runs: list[Run] = []
    first = 1.0
    for attempt in range(most + 1):
        free = np.isfinite(gains).any(axis=1)
        if free.sum() < fewest:
            break
        p = _p_value(gains, rounds=rounds, seed=seed + attempt)
        first = p if attempt == 0 else first
        if p > level or attempt == most:
            break
        start, stop, column = _best_stretch(_differences(gains))
        run = Run(start, stop, column - gains.shape[1] // 2, p)
        if stop - start >= fewest:
            runs.append(run)
        gains[start:stop] = np.nan
    return runs, first


def _scaled(scores: np.ndarray) -> np.ndarray:
    """Scores less the row's median, in units of the file's usual spread, clipped so that no single row decides."""
    counted = np.isfinite(scores).sum(axis=1) > 1
    usable = counted & np.isfinite(scores[:, scores.shape[1] // 2])
    scaled = np.where(usable[:, None], scores, np.nan)
    if not usable.any():
        return scaled
    scaled[usable] -= np.nanmedian(scaled[usable], axis=1, keepdims=True)
    spread = float(np.nanmedian(np.abs(scaled[usable]))) * 1.4826
    return np.clip(scaled / max(spread, 1e-6), -_CLIP, _CLIP)


def _differences(scaled: np.ndarray) -> np.ndarray:
    """What each image scores above the row's own; 0 where unknown, which speaks for nothing."""
    own = scaled[:, scaled.shape[1] // 2 :][:, :1]
    return np.nan_to_num(scaled - own, nan=0.0)


def _strengths(differences: np.ndarray) -> list[float]:
    """The strength of the differences less each cost."""
    return [_strength(differences - cost if cost else differences) for cost in _COSTS]


def _strength(differences: np.ndarray) -> float:
    """The largest sum over a stretch of rows, over all columns (Kadane's maximum by running sums)."""
    sums = np.cumsum(differences, axis=0)
    lowest = np.minimum(np.minimum.accumulate(sums, axis=0), 0.0)
    before = np.vstack([np.zeros((1, sums.shape[1]), sums.dtype), lowest[:-1]])
    return float((sums - before).max())


def _p_value(scaled: np.ndarray, *, rounds: int, seed: int) -> float:
    """The least of the p-values over the costs, times their number."""
    observed = _strengths(_differences(scaled))
    rng = np.random.default_rng(seed)
    # Unknown scores stay where they are: the known ones of a row are turned among their own places.
    finite = np.isfinite(scaled)
    known = np.argsort(~finite, axis=1, kind="stable")
    rank = np.cumsum(finite, axis=1) - 1
    members = np.maximum(finite.sum(axis=1, keepdims=True), 1)
    drawn = np.empty((rounds, len(_COSTS)))
    for n in range(rounds):
        turn = np.asarray(rng.integers(0, members, size=members.shape), np.int64)
        turned = np.take_along_axis(scaled, np.take_along_axis(known, (rank + turn) % members, axis=1), axis=1)
        drawn[n] = _strengths(_differences(np.where(finite, turned, np.nan)))
    return min(1.0, len(_COSTS) * min(_tail(observed[c], drawn[:, c]) for c in range(len(_COSTS))))


def _tail(observed: float, drawn: np.ndarray) -> float:
    """How likely a draw is to reach `observed`: counted among them, or by the Gumbel distribution fitted to them."""
    if observed <= np.median(drawn):
        return float((1 + np.sum(drawn >= observed)) / (len(drawn) + 1))
    scale = max(float(drawn.std()) * np.sqrt(6) / np.pi, 1e-9)
    tail = np.exp(-(observed - (float(drawn.mean()) - _GUMBEL_MEAN * scale)) / scale)
    # A p-value is above 0, however far out the tail.
    return max(float(-np.expm1(-tail)), float(np.finfo(np.float64).tiny))


def _best_stretch(differences: np.ndarray) -> tuple[int, int, int]:
    """Rows and column of the strongest stretch: found once as the largest sum, then again with half the stretch's mean
    gain taken off, which is where the ends of a changed stretch are told best (Page's test)."""
    start, stop, column = _stretch(differences)
    gain = float(differences[start:stop, column].mean()) / 2
    around = slice(max(0, start - (stop - start)), min(len(differences), stop + (stop - start)))
    inner_start, inner_stop, _ = _stretch(differences[around, column : column + 1] - gain)
    return around.start + inner_start, around.start + inner_stop, column


def _stretch(differences: np.ndarray) -> tuple[int, int, int]:
    sums = np.vstack([np.zeros((1, differences.shape[1])), np.cumsum(differences, axis=0, dtype=np.float64)])
    lowest = np.minimum.accumulate(sums, axis=0)
    stop, column = np.unravel_index(int(np.argmax(sums - lowest)), sums.shape)
    start = int(np.argmin(sums[: stop + 1, column]))
    return start, int(stop), int(column)
