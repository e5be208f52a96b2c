"""A run that makes no progress ends, and says which resource it waits for.

Ray keeps a task for as long as no node has room for it: one that asks for more than any node has, or for what others
never give back, waits for ever. Nodes of a cloud take minutes to come, so the patience is long.
"""

from collections.abc import Iterator
from queue import Empty, Full, Queue
from threading import Event, Thread
from typing import Any, TypeVar

import ray

from ops.core.errors import AssayError
from resources.engines.ray_types import Reference, cancel, resource_state, wait

Item = TypeVar("Item")

PATIENCE_S = 1200.0
"""Seconds without any progress that are too many, unless `set_patience` gave others."""
_KEY = "assay_patience_s"
#: Tasks that are under way may take this many times as long: a large file is inflated in one.
_UNDER_WAY = 6
#: Resources that are scarce; Ray counts its own beside them.
_SCARCE = ("CPU", "GPU", "memory")


class StalledError(AssayError, RuntimeError):
    """Nothing came of a run for longer than it is waited for; says what the cluster is asked for and what it has."""


def set_patience(seconds: float) -> None:
    """How long this session waits for progress."""
    ray.data.DataContext.get_current().set_config(_KEY, seconds)


def patience_s() -> float:
    """See `set_patience`."""
    return ray.data.DataContext.get_current().get_config(_KEY, PATIENCE_S)


def first_done(running: list[Reference]) -> tuple[list[Reference], list[Reference]]:
    """The first of the tasks that is done, and the others.

    Raises StalledError, and calls the tasks off, where none is in time: while the cluster's cores are all free, for
    then none will be; and at last though they are not.
    """
    waited = 0.0
    while not waited or (waited < _UNDER_WAY * patience_s() and _busy()):
        done, rest = wait(running, count=1, timeout_s=patience_s())
        if done:
            return done, rest
        waited += patience_s()
    error = stalled(waited)
    for reference in running:
        cancel(reference)
    raise error


def patiently(items: Iterator[Item]) -> Iterator[Item]:
    """The items as they come; drawn in a thread of its own, because whoever waits in Ray cannot be woken.

    Raises StalledError where none comes in time, and what `items` raises.
    """
    handed: Queue[tuple[str, Any]] = Queue(maxsize=1)
    ended = Event()
    Thread(target=_draw, args=(items, handed, ended), daemon=True, name="patiently").start()
    try:
        while True:
            try:
                kind, value = handed.get(timeout=patience_s())
            except Empty:
                raise stalled(patience_s()) from None
            if kind == "error":
                raise value
            if kind == "end":
                return
            yield value
    finally:
        ended.set()


def _draw(items: Iterator[Any], handed: "Queue[tuple[str, Any]]", ended: Event) -> None:
    try:
        for item in items:
            if not _put(handed, ("item", item), ended):
                return
        _put(handed, ("end", None), ended)
    except BaseException as error:
        _put(handed, ("error", error), ended)


def _put(handed: "Queue[tuple[str, Any]]", message: tuple[str, Any], ended: Event) -> bool:
    """False where nobody waits any more."""
    while not ended.is_set():
        try:
            handed.put(message, timeout=1)
        except Full:
            continue
        return True
    return False


def stalled(seconds: float) -> StalledError:
    """The error: what is asked for and finds no room, and what each node has and has free."""
    state = resource_state()
    asked = [
        f"{pending.count} × {_amounts(dict(pending.request.resources_bundle))}"
        for pending in state.pending_resource_requests
    ]
    nodes = [
        f"{node.node_ip_address} has {_amounts(dict(node.total_resources))}, of which free "
        f"{_amounts(dict(node.available_resources))}"
        for node in state.node_states
        if any(node.total_resources.get(name) for name in ("CPU", "GPU"))
    ]
    waits = f"it waits for room for {', '.join(asked)}" if asked else "no task waits for room; those under way hang"
    return StalledError(
        f"nothing was finished for {seconds:.0f} s: {waits}; {'; '.join(nodes) or 'no node offers a core'}. Add nodes, "
        "or larger ones, or wait longer (ray.patience_s)"
    )


def _busy() -> bool:
    """Whether any core or GPU of the cluster is taken."""
    return any(
        node.available_resources.get(name, 0.0) < node.total_resources.get(name, 0.0)
        for node in resource_state().node_states
        for name in ("CPU", "GPU")
    )


def _amounts(resources: dict[str, float]) -> str:
    """Of a bundle or a node, the scarce ones: `CPU 1.5, memory 2.0 GB`."""
    words = [
        f"memory {resources[name] / 1e9:.1f} GB" if name == "memory" else f"{name} {resources[name]:g}"
        for name in _SCARCE
        if resources.get(name)
    ]
    return ", ".join(words) or "CPU 0"
