"""Strongly connected components."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ops.corpus.graphs import perhaps_cyclic, strong_components

EDGES = st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)), max_size=20)


def arrays(edges: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    """Sources and targets."""
    return np.array([a for a, _ in edges], dtype=np.int64), np.array([b for _, b in edges], dtype=np.int64)


def reachable(edges: list[tuple[int, int]], start: int) -> set[int]:
    """Nodes that a walk from `start` comes to, itself included."""
    reached = {start}
    while more := {b for a, b in edges if a in reached} - reached:
        reached |= more
    return reached


@given(EDGES)
def test_agrees_with_mutual_reachability(edges: list[tuple[int, int]]) -> None:
    nodes = {node for edge in edges for node in edge}
    reach = {node: reachable(edges, node) for node in nodes}
    expected = {frozenset(m for m in nodes if m in reach[n] and n in reach[m]) for n in nodes}
    count = max(nodes, default=-1) + 1
    component = strong_components(*arrays(edges), count)
    assert len(component) == count
    assert {frozenset(np.flatnonzero(component == component[n]).tolist()) for n in nodes} == expected


def test_a_long_ring_needs_no_recursion() -> None:
    count = 50_000
    nodes = np.arange(count)
    assert not strong_components(nodes, np.roll(nodes, -1), count).any()


@given(EDGES)
def test_trimming_keeps_every_edge_of_a_cycle(edges: list[tuple[int, int]]) -> None:
    kept = perhaps_cyclic(*arrays(edges))
    on_cycle = np.array([a in reachable(edges, b) for a, b in edges], dtype=bool)
    assert not (on_cycle & ~kept).any()
    if not on_cycle.any():
        assert not kept.any()
