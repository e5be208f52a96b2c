"""How alike two representations of the same images are, and how much of its space one fills.

Features are (n, d) arrays: one row an image, one column a unit of a layer.
"""

import numpy as np

#: A unit is dead where it varies by less than this share of what the layer's units vary by on average.
_DEAD = 0.01


def gram(features: np.ndarray) -> np.ndarray:
    """Inner products (n, n; float64) of features (n, d) about their mean, scaled so that their mean square is 1."""
    centred = features.astype(np.float64) - features.mean(axis=0, dtype=np.float64)
    products: np.ndarray = centred @ centred.T
    squares: np.ndarray = products**2
    size = float(np.sqrt(squares.mean()))
    return products / size if size > 0 else products


def cka(first: np.ndarray, second: np.ndarray) -> float:
    """Linear centred kernel alignment (Kornblith et al., 2019) of two grams (n, n; n > 3) by the unbiased estimator of
    HSIC (Song et al., 2012): 1 where the images lie alike up to rotation and scale, about 0 where they have nothing to
    do with each other, however few images and many units there are. 0 where a representation does not vary."""
    size = _hsic(first, first) * _hsic(second, second)
    return _hsic(first, second) / float(np.sqrt(size)) if size > 0 else 0.0


def _hsic(first: np.ndarray, second: np.ndarray) -> float:
    """Up to a factor that all of `cka` shares."""
    n = len(first)
    first, second = (products - np.diag(np.diag(products)) for products in (first, second))
    rows = first.sum(axis=0), second.sum(axis=0)
    joint = float(np.sum(first * second))
    apart = float(rows[0].sum() * rows[1].sum()) / ((n - 1) * (n - 2))
    return joint + apart - 2 / (n - 2) * float(rows[0] @ rows[1])


def cosines(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Cosine (n) of each image's two features (n, d), both taken from the mean of the first: where all features point
    one way, it would hide what moves. 0 where a feature is the mean."""
    mean = first.mean(axis=0, dtype=np.float64)
    first, second = first - mean, second - mean
    sizes = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
    return np.divide(np.sum(first * second, axis=1), sizes, out=np.zeros(len(first)), where=sizes > 0)


def effective_rank(products: np.ndarray) -> float:
    """Directions that features fill, from their inner products (n, n): the exponential of the entropy of their singular
    values about the mean (Roy and Vetterli, 2007). 1 to n - 1; 0 where they do not vary."""
    across = products.mean(axis=0)
    centred = products - across - across[:, None] + across.mean()
    values = np.sqrt(np.clip(np.linalg.eigvalsh(centred), 0, None))
    values = values[values > 1e-7 * values.max(initial=0)]
    shares: np.ndarray = values / values.sum()
    terms: np.ndarray = shares * np.log(shares)
    return float(np.exp(-terms.sum())) if len(values) else 0.0


def dead_share(features: np.ndarray) -> float:
    """Share of the units whose standard deviation over the images (n, d) is below a hundredth of the units' mean one;
    1 where none varies."""
    deviations: np.ndarray = features.std(axis=0, dtype=np.float64)
    dead: np.ndarray = deviations <= _DEAD * deviations.mean()
    return float(dead.mean())


def change_rank(change: np.ndarray) -> int:
    """Directions that hold 99 % of the energy of a matrix's change (rows, columns): few where a low-rank adapter was
    merged (Hu et al., 2022)."""
    energy: np.ndarray = np.linalg.svd(change.astype(np.float32), compute_uv=False).astype(np.float64) ** 2
    total = float(energy.sum())
    return int(np.searchsorted(np.cumsum(energy), 0.99 * total) + 1) if total > 0 else 0
