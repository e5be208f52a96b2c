"""Small directed graphs: who beats whom, and where that goes round in a circle."""

import numpy as np

# Rounds of trimming; what a longer path leaves behind costs time later, and no correctness.
_ROUNDS = 64


def strong_components(sources: np.ndarray, targets: np.ndarray, count: int) -> np.ndarray:
    """The strongly connected component of each of `count` nodes (numbers from 0): two nodes have the same where each
    can be reached from the other."""
    # A third of a second, which whoever has no edges need not wait for.
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import connected_components

    edges = csr_array((np.ones(len(sources), dtype=bool), (sources, targets)), shape=(count, count))
    _, component = connected_components(edges, connection="strong")
    return component


def perhaps_cyclic(sources: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Which edges (n, bool) may lie on a cycle; nodes (n each) are numbers from 0.

    Edges from a node that nothing leads to, or to one that leads nowhere, are taken away until none is left. All edges
    of cycles stay, and a few that lie between two cycles.
    """
    kept = np.ones(len(sources), dtype=bool)
    count = int(max(sources.max(initial=-1), targets.max(initial=-1))) + 1
    for _ in range(_ROUNDS):
        source, target = sources[kept], targets[kept]
        leads = np.bincount(source, minlength=count)[target] > 0
        is_led_to = np.bincount(target, minlength=count)[source] > 0
        if (stays := leads & is_led_to).all():
            break
        kept[kept] = stays
    return kept
