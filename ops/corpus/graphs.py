"""Small directed graphs: who beats whom, and where that goes round in a circle."""

from collections.abc import Hashable, Iterable, Iterator
from typing import TypeVar

import numpy as np

Node = TypeVar("Node", bound=Hashable)

# Rounds of trimming; what a longer path leaves behind costs time later, and no correctness.
_ROUNDS = 64


def strong_components(edges: Iterable[tuple[Node, Node]]) -> list[list[Node]]:
    """Strongly connected components of two nodes and more: the sets of nodes each of which can be reached from each
    other one (Kosaraju and Sharir, without recursion)."""
    after: dict[Node, list[Node]] = {}
    before: dict[Node, list[Node]] = {}
    for source, target in edges:
        after.setdefault(source, []).append(target)
        after.setdefault(target, [])
        before.setdefault(target, []).append(source)
        before.setdefault(source, [])
    seen: set[Node] = set()
    finished = [node for root in after for node in _finished(root, after, seen)]
    seen.clear()
    trees = (list(_finished(root, before, seen)) for root in reversed(finished))
    return [tree for tree in trees if len(tree) > 1]


def perhaps_cyclic(sources: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Which edges (n, bool) may lie on a cycle; nodes (n each) are numbers from 0.

    Edges from a node that nothing leads to, or to one that leads nowhere, are taken away until none is left. All edges
    of cycles stay, and a few that lie between two cycles.
    """
    kept = np.ones(len(sources), dtype=bool)
    count = int(max(sources.max(initial=-1), targets.max(initial=-1))) + 1
    for _ in range(_ROUNDS):
        one, other = sources[kept], targets[kept]
        leads = np.bincount(one, minlength=count)[other] > 0
        is_led_to = np.bincount(other, minlength=count)[one] > 0
        if (stays := leads & is_led_to).all():
            break
        kept[kept] = stays
    return kept


def _finished(root: Node, after: dict[Node, list[Node]], seen: set[Node]) -> Iterator[Node]:
    """Nodes not yet seen that can be reached from the root, each after those found through it."""
    if root in seen:
        return
    seen.add(root)
    path = [(root, iter(after[root]))]
    while path:
        node, targets = path[-1]
        ahead = next((target for target in targets if target not in seen), None)
        if ahead is None:
            path.pop()
            yield node
        else:
            seen.add(ahead)
            path.append((ahead, iter(after[ahead])))
