"""Ray's calls, with the types that its own leave open."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import pyarrow as pa
import ray
from ray import _raylet
from ray.autoscaler.v2 import sdk

if TYPE_CHECKING:
    Reference: TypeAlias = ray.ObjectRef[Any]
else:
    Reference = ray.ObjectRef

_RAY: Any = ray
_REFERENCE: Any = ray.ObjectRef
_RAYLET: Any = _raylet
_SCALER: Any = sdk


def init(options: Mapping[str, object]) -> None:
    """Starts Ray, or joins the one that the options name."""
    _RAY.init(**options)


def shutdown() -> None:
    """Ends the Ray of this process."""
    _RAY.shutdown()


def nodes() -> list[dict[str, Any]]:
    """What Ray says of each node: `NodeID`, `Alive`, `Resources` and so on."""
    return _RAY.nodes()


def cluster_cores() -> float:
    """Processors that the nodes of this Ray lend, together; 1 where none runs."""
    if not ray.is_initialized():
        return 1.0
    resources: dict[str, float] = _RAY.cluster_resources()
    return resources.get("CPU", 1.0)


def remote(made: Callable[..., Any] | type, **options: object) -> Any:
    """The function as a task, or the class as an actor, with these options; its `remote` starts it."""
    return _RAY.remote(made).options(**options)


def get(reference: Reference, *, timeout_s: float | None = None) -> Any:
    """What a task made, waited for so long (None: for ever). A value that was made in this process is its own
    reference."""
    return _RAY.get(reference, timeout=timeout_s) if isinstance(reference, _REFERENCE) else reference


def get_all(references: Sequence[Reference]) -> list[Any]:
    """What several tasks made, in their order; as `get`."""
    members = list(references)
    return _RAY.get(members) if any(isinstance(member, _REFERENCE) for member in members) else members


def wait(references: Sequence[Reference], *, count: int, timeout_s: float) -> tuple[list[Reference], list[Reference]]:
    """The first so many that are done, or fewer where time is up before, and the others."""
    return _RAY.wait(list(references), num_returns=count, timeout=timeout_s)


def cancel(reference: Reference) -> None:
    """Calls a task off, if need be by killing its worker."""
    _RAY.cancel(reference, force=True)


def control_store() -> Any:
    """A client of the store that the cluster's head keeps, Ray's GcsClient."""
    return _RAYLET.GcsClient(address=_RAY.get_runtime_context().gcs_address)


def resource_state() -> Any:
    """What the cluster's own scaler goes by: each node's resources, and the requests that wait for room."""
    return _SCALER.get_cluster_resource_state(control_store())


def has_scaler() -> bool:
    """Whether a scaler watches this cluster: only one tells the cluster's store what it sees."""
    status = _SCALER.GetClusterStatusReply()
    status.ParseFromString(control_store().get_cluster_status(timeout_s=30))
    return status.autoscaling_state.last_seen_cluster_resource_state_version > 0


def put(value: object) -> Reference:
    """The value, held by the cluster; itself where no Ray runs."""
    return _RAY.put(value) if ray.is_initialized() else cast(Reference, value)


def dataset_of(items: Sequence[object], *, blocks: int | None = None) -> ray.data.Dataset:
    """A row each, its column `item`; in so many blocks, or as many as Ray thinks fit."""
    return _RAY.data.from_items(list(items), override_num_blocks=blocks)


def map_batches(rows: ray.data.Dataset, made: Callable[..., Any] | type, **options: Any) -> ray.data.Dataset:
    """What the function, or an actor of the class, makes of the rows, batch by batch."""
    return cast(Any, rows).map_batches(made, **options)


def made_tables(rows: ray.data.Dataset) -> Iterator[pa.Table]:
    """The blocks of the rows as they are made. Not one ahead: each would be handed on only when the next is there."""
    return iter(cast(Any, rows).iter_batches(batch_size=None, batch_format="pyarrow", prefetch_batches=0))
