"""Whether the nodes of a cluster are as the machine that starts the run: looked at before anything is spread over them.

Without this a node with another Python, or a lake that is a folder of its own there, shows as an error of some task in
the middle of a run, or as files that nobody finds again.
"""

import platform
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from uuid import uuid4

import ray
from ray.exceptions import GetTimeoutError, RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from ops.core.errors import AssayError
from resources.engines.ray_types import Reference, get, nodes, remote, wait
from resources.lake.scratch import Scratch
from resources.lake.tables import Lake

#: What measures and vectors depend on, or what is passed between nodes is read with.
_PACKAGES = (
    "cloudpickle",
    "deltalake",
    "fsspec",
    "numpy",
    "open_clip_torch",
    "orjson",
    "pandas",
    "pillow",
    "pyarrow",
    "timm",
    "torch",
    "transformers",
)
_ANSWER_S = 180
_known: set[str] = set()


class NodeError(AssayError, RuntimeError):
    """Nodes of the cluster that cannot do the work; says of each what it lacks."""


@dataclass(frozen=True, slots=True)
class Installed:
    """What a machine has: version of Python, and of each package that matters (None: it is not there)."""

    python: str
    packages: Mapping[str, str | None]


def require_alike_nodes(lake: Lake | None) -> None:
    """Looks at every node, but for this one, that offers cores or GPUs and was not looked at before.

    Raises NodeError where one has another Python or other packages, cannot read and write the lake's storage, or does
    not answer.
    """
    own = ray.get_runtime_context().get_node_id()
    new = {
        node["NodeID"]: node["NodeManagerAddress"]
        for node in nodes()
        if node["Alive"] and node["NodeID"] not in {own, *_known} and {"CPU", "GPU"} & set(node["Resources"])
    }
    if not new:
        return
    scratch = None if lake is None else Scratch(lake, f"nodes-{uuid4().hex}")
    try:
        if scratch is not None:
            scratch.write_result("driver", {})
        problems = _problems(new, scratch)
    finally:
        if scratch is not None:
            scratch.remove()
    if problems:
        raise NodeError(
            f"{len(problems)} of the cluster's nodes cannot do the work: {'; '.join(problems)}. Give every node the "
            "same image, with the packages of requirements.lock, and a lake that all of them reach"
        )
    _known.update(new)


def _problems(addresses: Mapping[str, str], scratch: Scratch | None) -> list[str]:
    """What is wrong with each node, given as id and address."""
    looks: dict[str, Reference] = {
        address: remote(
            _look, num_cpus=0, max_retries=0, scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=False)
        ).remote(scratch, node)
        for node, address in addresses.items()
    }
    wait(list(looks.values()), count=len(looks), timeout_s=_ANSWER_S)
    own = _installed()
    problems: list[str] = []
    for address, reference in looks.items():
        try:
            installed, lake = get(reference, timeout_s=1)
        except GetTimeoutError:
            problems.append(f"{address} has not answered in {_ANSWER_S} s")
        except RayError as error:
            problems.append(f"{address} cannot run a task ({str(error).strip().splitlines()[-1]})")
        else:
            problems += [f"{address} {problem}" for problem in (*_differences(installed, own), lake) if problem]
    return problems


def _look(scratch: Scratch | None, node: str) -> tuple[Installed, str]:
    """Runs on a node: what is installed, and what is wrong with the lake there."""
    return _installed(), "" if scratch is None else _storage_problem(scratch, node)


def _installed() -> Installed:
    return Installed(platform.python_version(), {name: _version(name) for name in _PACKAGES})


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _differences(installed: Installed, own: Installed) -> list[str]:
    """How a node differs from this machine."""
    different = [f"has Python {installed.python}, not {own.python}"] if installed.python != own.python else []
    for name, wanted in own.packages.items():
        held = installed.packages[name]
        if held != wanted:
            different.append(f"has {name} {held}, not {wanted}" if held else f"lacks {name} {wanted}")
    return different


def _storage_problem(scratch: Scratch, node: str) -> str:
    """Empty where the node sees what the driver wrote, and can write beside it."""
    try:
        if scratch.read_result("driver") is None:
            return f"sees another folder at {scratch.lake.root} than the machine that starts the run"
        scratch.write_result(node, {})
    except (OSError, AssayError) as error:
        return f"cannot use the lake {scratch.lake.root} ({str(error).splitlines()[0]})"
    return ""
