"""Tasks on Ray's workers (ops/core/tasks.py): what one makes stays on the cluster until another wants it."""

from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import Any

import ray

from ops.core.tasks import Handle, InProcess, Tasks
from resources.engines.ray import start_ray, value_of
from resources.engines.ray_types import remote
from resources.lake.tables import Lake

IN_PROCESS_ROWS = 2_000_000
"""Up to so many rows the work is done in this process where no Ray runs: its start would cost more than it saves."""


class OnRay:
    """Tasks on the Ray of this process. One whose worker or node is lost is run again (three times), as are those that
    made what it needs."""

    def call(self, function: Callable[..., Any], *arguments: Any) -> Handle:
        """See Tasks."""
        return _remote(function, 1).remote(*arguments)

    def parts(self, count: int, function: Callable[..., Any], *arguments: Any) -> list[Handle]:
        """See Tasks."""
        if count == 1:
            return [_remote(_only, 1).remote(function, *arguments)]
        return _remote(function, count).remote(*arguments)

    def values(self, handles: Iterable[Handle]) -> Iterator[Any]:
        """See Tasks."""
        return map(value_of, handles)


def tasks_for(rows: int, lake: Lake) -> Tasks:
    """Where work on so many rows is done: on Ray where it runs or the rows are many, else in this process."""
    if rows <= IN_PROCESS_ROWS and not (ray.is_initialized() and rows > IN_PROCESS_ROWS // 4):
        return InProcess()
    start_ray(lake=lake)
    return OnRay()


@cache
def _remote(function: Callable[..., Any], count: int) -> Any:
    return remote(function, max_retries=3, num_returns=count)


def _only(function: Callable[..., Any], *arguments: Any) -> Any:
    (made,) = function(*arguments)
    return made
