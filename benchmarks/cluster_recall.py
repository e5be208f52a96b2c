"""How many pairs of alike examples the clusters of semantic_duplicates bring together, by the size of the corpus: made
vectors of images and texts about a thousand subjects, and a twin of some of them at a given cosine.

    python -m benchmarks.cluster_recall --examples 10000 100000 1000000

`nearest alone` is the share of twins whose nearest centre is the same, `clustered` of those that share one of the
clusters in which they are compared; `compared` of those that are compared indeed where all of a cluster agree in what
decides, so that large ones are cut by nearness.
"""

import argparse
from collections.abc import Iterator

import numpy as np

from ops.audits.semantic_duplicates import AUDIT
from ops.core.spherical import centres, nearest_few
from ops.core.vectors import unit
from ops.corpus.compared_examples import PROBES
from ops.corpus.semantic_duplicates import MOST_CLUSTERS, ROUNDS, SAMPLE, SAMPLED_EACH

_WIDTH = 64
_SUBJECTS = 1000
_CHUNK = 20_000
_COSINES = (0.9, 0.95, 0.99)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--examples", type=int, nargs="+", default=[10_000, 100_000])
    options.add_argument("--group-examples", type=int, default=AUDIT.settings.group_examples)
    print("| examples | clusters | cosine | nearest alone | clustered | compared |\n|---|---|---|---|---|---|")
    chosen = options.parse_args()
    for count in chosen.examples:
        bank = fitted(count)
        held = placed(count, bank)
        for cosine in _COSINES:
            shares = recall(bank, held, cosine, most=chosen.group_examples)
            print(
                f"| {count} | {len(bank)} | {cosine} | {' | '.join(f'{share:.3f}' for share in shares)} |", flush=True
            )


def fitted(count: int) -> np.ndarray:
    """The centres (k, d) that a corpus of that size has, of which only half was there when they were found."""
    half = 1 << (count.bit_length() - 1)
    clusters = min(MOST_CLUSTERS, -(-half // AUDIT.settings.cluster_examples))
    sample = next(chunks(min(SAMPLE, SAMPLED_EACH * clusters)))
    return centres(sample, sample[:clusters], rounds=ROUNDS).astype(np.float32).astype(np.float64)


def chunks(count: int) -> Iterator[np.ndarray]:
    """The vectors of that many examples, some at a time (n, 2 d); the first ones are the same whatever the count."""
    subjects = np.random.default_rng(0).normal(size=(_SUBJECTS, 2, _WIDTH)) + 0.7
    for seed, start in enumerate(range(0, count, _CHUNK), 1):
        rng = np.random.default_rng(seed)
        made = subjects[rng.integers(_SUBJECTS, size=_CHUNK)] + rng.normal(size=(_CHUNK, 2, _WIDTH)) * 0.7
        yield whole(made)[: count - start]


def whole(parts: np.ndarray) -> np.ndarray:
    """One unit vector an example, of those of its image and its text (n, 2, d)."""
    lengths = np.linalg.norm(parts, axis=2, keepdims=True)
    return unit((parts / lengths).reshape(len(parts), -1))


def placed(count: int, bank: np.ndarray) -> list[np.ndarray]:
    """Of each cluster the nearness of its examples, in order."""
    near = [nearest_few(vectors, bank, PROBES) for vectors in chunks(count)]
    clusters, nearness = (np.concatenate(parts).ravel() for parts in zip(*near, strict=True))
    order = np.lexsort((nearness, clusters))
    return np.split(nearness[order], np.searchsorted(clusters[order], np.arange(1, max(1, len(bank)))))


def recall(bank: np.ndarray, held: list[np.ndarray], cosine: float, *, most: int) -> tuple[float, float, float]:
    """Shares of twins of examples whose nearest cluster is one, that share a cluster, that are compared there."""
    ones = next(chunks(_CHUNK))
    (clusters, nearness), (others, other_nearness) = (
        nearest_few(vectors, bank, PROBES) for vectors in (ones, twins(ones, cosine))
    )
    share = clusters[:, :, None] == others[:, None, :]
    part, other_part = places(held, clusters, nearness) // most, places(held, others, other_nearness) // most
    compared = (share & (part[:, :, None] == other_part[:, None, :])).any(axis=(1, 2))
    return float(share[:, 0, 0].mean()), float(share.any(axis=(1, 2)).mean()), float(compared.mean())


def twins(ones: np.ndarray, cosine: float) -> np.ndarray:
    """Of each example one whose image and whose text have that cosine to its own."""
    directions = ones.reshape(len(ones), 2, _WIDTH)
    directions = directions / np.linalg.norm(directions, axis=2, keepdims=True)
    aside = np.random.default_rng(7).normal(size=directions.shape)
    aside -= (aside * directions).sum(axis=2, keepdims=True) * directions
    aside /= np.linalg.norm(aside, axis=2, keepdims=True)
    return whole(cosine * directions + np.sqrt(1 - cosine**2) * aside)


def places(held: list[np.ndarray], clusters: np.ndarray, nearness: np.ndarray) -> np.ndarray:
    """The place in each cluster, in the order of nearness, that an example of that nearness has (n, probes)."""
    pairs = zip(clusters.ravel().tolist(), nearness.ravel().tolist(), strict=True)
    return np.array([np.searchsorted(held[cluster], near) for cluster, near in pairs]).reshape(clusters.shape)


if __name__ == "__main__":
    main()
