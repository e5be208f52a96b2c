"""Small directed graphs: who beats whom, and where that goes round in a circle."""

from collections.abc import Hashable, Iterable, Iterator
from typing import TypeVar

Node = TypeVar("Node", bound=Hashable)


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
