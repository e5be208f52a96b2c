"""Ray's calls, with the types that its own leave open."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import ray
from ray import _raylet
from ray.autoscaler.v2 import sdk

if TYPE_CHECKING:
    Reference: TypeAlias = ray.ObjectRef[Any]
else:
    Reference = ray.ObjectRef

_RAY: Any = ray
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
    """Processors that the nodes of this Ray lend, together."""
    resources: dict[str, float] = _RAY.cluster_resources()
    return resources.get("CPU", 1.0)


def remote(made: Callable[..., Any] | type, **options: object) -> Any:
    """The function as a task, or the class as an actor, with these options; its `remote` starts it."""
    return _RAY.remote(made).options(**options)


def get(reference: Reference, *, timeout_s: float | None = None) -> Any:
    """What a task made, waited for so long (None: for ever)."""
    return _RAY.get(reference, timeout=timeout_s)


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
