"""Ray on this machine, and the one way in which row-wise work is spread over it.

A Ray of this machine listens on loopback and wants a token of everyone who speaks to it
(resources/engines/private.py): without one, any user of the machine could run code as the user of the run. Its sockets
and logs lie in a folder that others cannot enter, for Ray opens its own to everyone.
On a cluster the Dagster step is itself a Ray job (infra/README.md), so that `ray.init` here finds that cluster.
"""

import logging
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import islice
from typing import Any, TypeVar

import pyarrow as pa
import ray
from ray._private import services
from ray.exceptions import RayTaskError
from threadpoolctl import threadpool_limits

from resources.config.ray_settings import RaySettings
from resources.engines.nodes import require_alike_nodes
from resources.engines.private import passing_folder, private_folder, token_file
from resources.engines.progress import Progress
from resources.engines.ray_types import Reference, cluster_cores, get, init, remote, shutdown
from resources.engines.replacing import replaced
from resources.engines.stalls import first_done, set_patience
from resources.engines.unsaid import leaving_out
from resources.lake.tables import Lake

Item = TypeVar("Item")
Result = TypeVar("Result")


_planned: list[Callable[[], None]] = []


def plan_ray(settings: RaySettings, lake: Lake) -> None:
    """Ray is to start so (see `start_ray`) when something is first to run on it, and not at all where nothing is.

    Where it runs already, these settings hold at once.
    """
    options = {"num_cpus": settings.num_cpus, "object_store_bytes": settings.object_store_mb * 10**6}
    _planned[:] = [partial(start_ray, **options, patience_s=settings.patience_s, lake=lake)]
    if ray.is_initialized():
        start_ray()


def start_ray(
    *,
    num_cpus: int | None = None,
    object_store_bytes: int | None = None,
    patience_s: float | None = None,
    lake: Lake | None = None,
) -> None:
    """Starts Ray once a process; a Ray that already runs in this process is left as it is.

    Inside a Ray job (`RAY_ADDRESS` set by Ray) the job's own cluster is used; elsewhere a local one is started, whose
    token lies in the private folder of the lake, or of the user where no lake is given. `patience_s` is how long
    whoever waits for results waits without any. Raises NodeError where nodes of the cluster cannot do the work.
    """
    while _planned:
        _planned.pop()()
    if not ray.is_initialized():
        _start(num_cpus, object_store_bytes, lake)
    if patience_s is not None:
        set_patience(patience_s)
    if lake is not None:
        require_alike_nodes(lake)


def start_ray_for(work: float, *, most: float) -> bool:
    """Starts Ray for this much work, unless it is at most so much as this process does in the time that a start takes:
    then `ray_map` and `ray_deal` do it here. Whether Ray runs now: one that ran before, or a cluster's, takes any work.
    """
    if work > most or ray.is_initialized() or not _is_own():
        start_ray()
    return ray.is_initialized()


def _is_own() -> bool:
    """Whether the Ray of this process is one of this machine that it starts itself."""
    return os.environ.get("RAY_ADDRESS", "local") == "local"


def _no_server(*_: object, **__: object) -> tuple[None, None]:
    return None, None


def _start(num_cpus: int | None, object_store_bytes: int | None, lake: Lake | None) -> None:
    options: dict[str, Any] = {"logging_level": "warning", "log_to_driver": False}
    if _is_own():
        if not {"RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"} & set(os.environ):
            os.environ["RAY_AUTH_TOKEN_PATH"] = str(token_file(private_folder(lake.root if lake else None)))
        options |= {
            "address": "local",
            "num_cpus": num_cpus,
            "object_store_memory": object_store_bytes,
            "include_dashboard": False,
            # Ray opens this folder to everyone, so that the one above keeps others out. Names are short: the path of a
            # socket may have 107 bytes.
            "_temp_dir": str(passing_folder("ray-", within=os.environ.get("RAY_TMPDIR"), first=shutdown) / "s"),
        }
    # Ray 2.60 starts its dashboard's process even where none is wanted, for the usage statistics. Though they are off,
    # that process asks the metadata addresses of three clouds where it runs. Nothing here speaks to it.
    with (
        replaced(services, "start_api_server", _no_server),
        # Ray's core says so before the level that it speaks of counts.
        leaving_out("Set ray log level from environment variable"),
    ):
        init(options)
    # Progress is ours to show (resources/engines/progress.py).
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.execution_no_progress_timeout_s = -1  # resources/engines/stalls.py sees to it
    for name in ("ray.data", "ray"):
        logging.getLogger(name).setLevel(logging.ERROR)


def ray_map(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    *,
    progress: Progress,
    label: str,
    total: int | None = None,
    weight: Callable[[Result], int] | None = None,
    num_cpus: float = 1,
) -> Iterator[Result]:
    """Results of `function` over picklable items, as they come: on Ray, or in this process, one after another, where
    none runs (`start_ray`, `start_ray_for`).

    On Ray at most two tasks a core are under way and items are drawn as there is room, so that memory does not grow
    with their number.
    A task whose worker died is run again (three times), so `function` must be safe to repeat. An error of `function`
    is raised here as it was raised there, StalledError where no result comes (resources/engines/stalls.py). The bar
    counts results, or `weight(result)` each, towards `total`.
    """
    with progress.track(label, total=total) as advance:
        done = _spread(function, items, num_cpus) if ray.is_initialized() else map(partial(_alone, function), items)
        for result in done:
            advance(1 if weight is None else weight(result))
            yield result


def _alone(function: Callable[[Item], Result], item: Item) -> Result:
    """As a worker of Ray calls it, so that the last bits of sums are the same. Matrices are small, and threads that
    share one mostly wait for each other."""
    with threadpool_limits(1, user_api="blas"):
        return function(item)


def _spread(function: Callable[[Item], Result], items: Iterable[Item], num_cpus: float) -> Iterator[Result]:
    def call(item: Any) -> Any:
        return function(item)  # `function` itself may be a partial, which `ray.remote` does not take

    task = remote(call, num_cpus=num_cpus, max_retries=3)
    room = max(2, int(2 * cluster_cores()))
    waiting = iter(items)
    running: list[Reference] = []
    while True:
        running += [task.remote(item) for item in islice(waiting, room - len(running))]
        if not running:
            return
        done, running = first_done(running)
        yield value_of(done[0])


def ray_deal(
    function: Callable[[Item], tuple[Result, Sequence[Any]]],
    items: Sequence[Item],
    *,
    returns: int,
    progress: Progress,
    label: str,
) -> list[tuple[Result, list[Reference]]]:
    """For each item, in their order, what `function` returns first, and references to the `returns` values that it
    returns second, which stay where they were made: what one wave of tasks makes for the next. As `ray_map` in all
    else; Ray makes a value anew that was lost with its node. In this process the values stand for themselves."""
    if not ray.is_initialized():
        return [(first, list(dealt)) for first, dealt in ray_map(function, items, progress=progress, label=label)]

    def call(item: Any) -> Any:
        first, dealt = function(item)
        return (first, *dealt) if returns else first

    task = remote(call, num_returns=1 + returns, max_retries=3)
    room = max(2, int(2 * cluster_cores()))
    made: list[list[Reference]] = []
    running: list[Reference] = []
    with progress.track(label, total=len(items)) as advance:
        for item in items:
            while len(running) >= room:
                running = _after_one(running, advance)
            references: Any = task.remote(item)  # one, or a list of several
            made.append(references if returns else [references])
            running.append(made[-1][0])
        while running:
            running = _after_one(running, advance)
    return [(value_of(first), dealt) for first, *dealt in made]


def _after_one(running: list[Reference], advance: Callable[[int], None]) -> list[Reference]:
    done, rest = first_done(running)
    value_of(done[0])  # an error ends all
    advance(1)
    return rest


def flushed(
    batches: Iterable[pa.Table], *, every: int, progress: Progress, label: str, total: int
) -> Iterator[pa.Table]:
    """The rows of the batches as these are made, in tables of at least `every` rows but for the last: whoever stores
    each as it comes loses at most that much to a kill. The bar counts rows."""

    def counted() -> Iterator[pa.Table]:
        with progress.track(label, total=total) as advance:
            for batch in batches:
                advance(batch.num_rows)
                yield batch

    return in_tables(counted(), every=every)


def in_tables(batches: Iterable[pa.Table], *, every: int) -> Iterator[pa.Table]:
    """The rows of the batches in tables of at least `every` rows but for the last."""
    waiting: list[pa.Table] = []
    for batch in batches:
        waiting.append(batch)
        if sum(held.num_rows for held in waiting) >= every:
            yield pa.concat_tables(waiting)
            waiting = []
    if waiting:
        yield pa.concat_tables(waiting)


def value_of(reference: Reference) -> Any:
    """What a task made; its error as it was raised there."""
    try:
        return get(reference)
    except RayTaskError as error:
        raise error.cause from None
