"""Which scale the boxes of a file are on, from their numbers and the sizes of their images.

Under each convention a corner lies anywhere within its range with the same density: an image of W x H pixels has W * H
places, thousandths have 10^6, and shares of the sides one. A box beyond its range is a fault, of probability
`FAULT_RATE`. So boxes beyond the image speak for thousandths, boxes of small images that never leave them for pixels,
and boxes of large images that never pass 1000 for thousandths, each by its Bayes factor. A row's boxes are not
independent of each other; a row counts at most `MOST_NATS`.

A file has the convention that its rows, taken together, speak for by `DECIDED_NATS` against any other. Where a mixture
explains the rows much better (weights by expectation and maximisation, Dempster et al., 1977), and more rows depart
than faulty boxes explain, the file has several conventions, and each row is told by its own numbers."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log

import numpy as np

from ops.boxes.conventions import PIXELS, PLAIN, THOUSAND, UNIT, UNKNOWN, Size, scale
from ops.boxes.notations import JSON, LIST, TAGS, TOKENS

FAULT_RATE = 0.01
"""How often a box lies beyond its range."""
MOST_NATS = 10.0
DECIDED_NATS = 7.0
"""A thousand to one."""
_SURE = 0.99
"""Probability from which a row of a file of several conventions has one of them."""
_FEWEST_ROWS = 3
_FAULTY_SHARE = 0.1
"""Share of a file's rows that may have boxes beyond their images before they are taken for boxes of another convention.
Nobody writes shares of the sides by mistake: a single such row is another convention."""
_IMPOSSIBLE = -50.0
_RULED_OUT = -40.0  # enough that one row among any number of others is not taken for a fault
_TOLERANCE = 0.01
_ROUNDS = 50
#: What is known of a notation before any number is seen, in nats: Qwen2-VL and InternVL document thousandths for
#: theirs; `list` is only ever four shares of the sides.
_PRIORS = {
    TOKENS: {THOUSAND: 2 * DECIDED_NATS},
    TAGS: {THOUSAND: 2 * DECIDED_NATS},
    JSON: {UNIT: -2.0},
    LIST: {UNIT: 3 * DECIDED_NATS},
}


@dataclass(frozen=True, slots=True)
class FileConvention:
    """What the boxes of one file and notation are on. `weights` are the shares of its rows by convention (PLAIN), and
    are null but where it has several."""

    convention: str
    evidence: str
    weights: tuple[float, ...] | None = None


def box_evidence(numbers: Sequence[float], image: Size | None) -> tuple[float, ...]:
    """Log-density, in nats, of a box or point under each convention of PLAIN. Zeros of a box without an extent near the
    origin, or whose numbers are all 0 or 1: these mean the same in many ways."""
    values = [abs(value) for value in numbers]
    if not values or all(value in (0.0, 1.0) for value in values):
        return (0.0,) * len(PLAIN)
    fraction = any(value != int(value) and value > 1 for value in values)
    return tuple(_density(convention, numbers, image, fraction=fraction) for convention in PLAIN)


def row_evidence(boxes: Sequence[tuple[Sequence[float], Size | None]]) -> tuple[float, ...]:
    """What a row's boxes say together: the densities of `box_evidence`, less the best, none below -MOST_NATS but where
    a convention is ruled out."""
    each = [box_evidence(numbers, image) for numbers, image in boxes]
    sums = [sum(column) for column in zip(*each, strict=True)] if each else [0.0] * len(PLAIN)
    behind = [value - max(sums) for value in sums]
    return tuple(_RULED_OUT if value < _RULED_OUT else max(value, -MOST_NATS) for value in behind)


def file_convention(rows: Mapping[tuple[float, ...], int], notation: str, *, boxes: int) -> FileConvention:
    """The convention of a file's boxes of one notation; `rows` counts its rows by their evidence."""
    evidence = np.array(sorted(rows))
    counts = np.array([rows[values] for values in sorted(rows)], np.float64)
    priors = np.array([_PRIORS.get(notation, {}).get(name, 0.0) for name in PLAIN])
    sums = counts @ evidence + priors
    first, second = (int(place) for place in np.argsort(-sums, kind="stable")[:2])
    best, lead = PLAIN[first], float(sums[first] - sums[second])
    count = f"{boxes} boxes of {int(counts.sum())} rows"
    weights = _mixture(evidence, counts)
    if _is_mixed(evidence, counts, weights, best):
        shares = ", ".join(f"{name} {share:.0%}" for name, share in zip(PLAIN, weights, strict=True) if share > 0.005)
        return FileConvention(best, f"{count}: of several conventions: {shares}", tuple(weights.tolist()))
    if lead < DECIDED_NATS:
        return FileConvention(UNKNOWN, f"{count} fit {best} and {PLAIN[second]} alike ({lead:.1f} nats apart)")
    return FileConvention(best, f"{count}: {best} by {lead:.0f} nats over {PLAIN[second]}")


def row_convention(evidence: Sequence[float], file: FileConvention) -> str:
    """The convention of one row's boxes in a file: the file's, or, where it has several, the row's own."""
    if file.weights is None:
        return file.convention
    likely = np.array(file.weights) * np.exp(np.array(evidence))
    likely /= likely.sum()
    place = int(np.argmax(likely))
    return PLAIN[place] if likely[place] >= _SURE else UNKNOWN


def is_list_of_boxes(ordered: int, lists: int) -> bool:
    """Whether a file's bare lists of four shares are boxes: nearly all have their corners in order, as one in four
    would by chance."""
    return lists > 0 and ordered >= 0.9 * lists


def named(convention: str, who: str, by_numbers: FileConvention) -> str:
    """The evidence where a person or a format names the convention: that, and, of those that numbers can tell, whether
    they bear it out."""
    silent = by_numbers.convention in (convention, UNKNOWN) and by_numbers.weights is None
    borne_out = silent or convention not in PLAIN
    return f"named by {who}" if borne_out else f"named by {who}; the numbers look otherwise: {by_numbers.evidence}"


def commonest(sizes: Sequence[Size]) -> Size | None:
    """The size that most images of a row have."""
    return Counter(sizes).most_common(1)[0][0] if sizes else None


def _density(convention: str, numbers: Sequence[float], image: Size | None, *, fraction: bool) -> float:
    if convention == PIXELS and image is None:
        sides = (1000.0, 1000.0)
    else:
        sides = scale(convention, image or Size(1, 1)) or (1.0, 1.0)
    reach = [max((value for value in numbers[axis::2]), default=0.0) for axis in (0, 1)]
    least = min(numbers)
    slack = [max(_TOLERANCE * side, 1.0 if convention == PIXELS else _TOLERANCE) for side in sides]
    outside = least < -max(slack) or any(far > side + more for far, side, more in zip(reach, sides, slack, strict=True))
    density = -sum(log(max(far, side)) if outside else log(side) for far, side in zip(reach, sides, strict=True))
    if convention == UNIT:
        return _IMPOSSIBLE if outside and max(reach) > 2 else density + (log(FAULT_RATE) if outside else 0.0)
    if max(reach) <= 1:
        return _IMPOSSIBLE  # a box within one pixel, with fractions
    if convention == THOUSAND and fraction:
        density += log(0.2)  # thousandths are whole numbers, in every documented use
    return density + (log(FAULT_RATE) if outside and not (convention == PIXELS and image is None) else 0.0)


def _mixture(evidence: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Shares of the rows by convention under which the evidence is likeliest."""
    weights = np.full(len(PLAIN), 1 / len(PLAIN))
    for _ in range(_ROUNDS):
        weights = counts @ _posterior(evidence, weights) / counts.sum()
    return weights


def _posterior(evidence: np.ndarray, weights: np.ndarray) -> np.ndarray:
    likely = np.exp(evidence) * weights
    return likely / likely.sum(axis=1, keepdims=True)


def _is_mixed(evidence: np.ndarray, counts: np.ndarray, weights: np.ndarray, best: str) -> bool:
    single = float(counts @ evidence[:, PLAIN.index(best)])
    together = float(counts @ np.log(np.exp(evidence) @ weights))
    if together - single < DECIDED_NATS:
        return False
    sure = counts @ (_posterior(evidence, weights) >= _SURE)
    rows = {name: float(sure[place]) for place, name in enumerate(PLAIN) if name != best}
    if best == UNIT or rows[UNIT]:
        return sum(rows.values()) > 0
    if best == THOUSAND:  # no fault of a box of thousandths makes it fit its image in pixels
        return bool(weights[PLAIN.index(PIXELS)] >= _FAULTY_SHARE)
    return sum(rows.values()) >= max(_FEWEST_ROWS, _FAULTY_SHARE * float(counts.sum()))
