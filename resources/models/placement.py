"""Where in the Ray cluster an encoder runs: on which device, and with how much of the nodes' cores.

The driver's own machine decides nothing: a head without a GPU has a cluster with many, and a cluster may be made of
nodes with a single core.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from resources.config.encoder_settings import EncoderSettings
from resources.engines.ray_types import get, has_scaler, nodes, remote
from resources.models.encoder_source import EncoderError, device_of, local_gpus, precision_of

#: Share of the cores that encoders on a CPU ask Ray for. They use all: decoding is the smaller part, fills the gaps,
#: and is never left without room.
_ENCODERS = 0.45


IMAGES_IN_PROCESS = 500
"""Work, in images, that an encoder of this process does where no Ray runs."""


@dataclass(frozen=True, slots=True)
class Room:
    """What the nodes of a cluster have: the cores of each node that has any, and the GPUs of all; and whether the
    cluster grows by itself where more is asked for."""

    cores: tuple[float, ...]
    gpus: int
    grows: bool = False

    @property
    def total(self) -> float:
        """Cores of all nodes; 1 where none has come yet."""
        return sum(self.cores) or 1.0

    @property
    def least(self) -> float:
        """Cores of the smallest node."""
        return min(self.cores, default=1.0)

    @property
    def whole(self) -> int:
        """Tasks of one core that run at once."""
        return max(1, sum(int(cores) for cores in self.cores))

    def encoder_share(self, actors: int) -> float:
        """Cores that each of so many encoders asks for. The smallest node holds all of them and has room for a decode
        task left: wherever Ray puts them, and whichever nodes die."""
        return min(_ENCODERS * self.least / actors, 0.9 * self.decode_share)

    @property
    def decode_share(self) -> float:
        """Cores that a decode task asks for: half of what the smallest node has is free of encoders."""
        return min(1.0, self.least / 2)

    @property
    def decoders(self) -> int:
        """Decode tasks at once, which leave the encoders their share of all cores."""
        return max(1, int((1 - _ENCODERS) * self.total / self.decode_share))

    def threads(self, actors: int) -> int:
        """Threads of each of so many encoders, none of which has more cores than a node."""
        return max(1, int(min(self.total / actors, max(self.cores, default=1.0))))


@dataclass(frozen=True, slots=True)
class Placement:
    """The encoder's settings for an actor, with device and precision decided; how many actors at most; and what each
    asks Ray for: nothing where it runs on a CPU, whose share the caller knows."""

    settings: EncoderSettings
    on_gpu: bool
    most: int
    needs: Mapping[str, Any]


def cluster_room() -> Room:
    """What the nodes that are alive have."""
    offers: list[dict[str, float]] = [node["Resources"] for node in nodes() if node["Alive"]]
    cores = tuple(sorted(offer["CPU"] for offer in offers if offer.get("CPU")))
    return Room(cores, int(sum(offer.get("GPU", 0) for offer in offers)), grows=has_scaler())


def place_encoder(settings: EncoderSettings) -> Placement:
    """Where the encoder runs: `auto` takes the cluster's GPUs where PyTorch sees them, `cuda` must have them, and
    `cuda:N` is that GPU of this machine. The precision is the one that names the vectors, wherever they are made.

    Raises EncoderError where a GPU is asked for and is not there.
    """
    chosen = replace(settings, precision=precision_of(settings))
    room = cluster_room()
    if settings.device.startswith("cuda:"):
        this_node = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
        # Ray would give an actor that asks for a GPU one of its own choice, and hide the others.
        return Placement(
            replace(chosen, device=device_of(settings)), True, 1, {"num_cpus": 0, "scheduling_strategy": this_node}
        )
    # Asking for one makes a node with a GPU come, where there can be any.
    offered = room.gpus > 0 or (room.grows and settings.device == "cuda")
    usable = offered and settings.device != "cpu" and _sees_gpus(ray.get_runtime_context().get_node_id())
    if settings.device == "cuda" and not usable:
        cause = "PyTorch sees none where they are" if room.gpus else "so no node offers one"
        raise EncoderError(
            f"encoder.device is 'cuda', and the Ray cluster counts {room.gpus} GPUs; {cause}. Set it to auto or cpu, "
            "or install a PyTorch build that sees the GPU"
        )
    if not usable:
        return Placement(replace(chosen, device="cpu"), False, room.whole, {})
    return Placement(replace(chosen, device="cuda"), True, max(1, room.gpus), {"num_gpus": 1, "num_cpus": 0})


def place_in_process(settings: EncoderSettings) -> Placement:
    """An encoder of this process, on this machine. Raises EncoderError where a GPU is asked for and is not there."""
    device = device_of(settings)
    chosen = replace(settings, precision=precision_of(settings), device=device)
    return Placement(chosen, on_gpu=device != "cpu", most=1, needs={})


@cache
def _sees_gpus(_driver: str) -> bool:
    """Whether PyTorch sees a GPU where Ray counts one; asked there, once a session, unless this machine knows."""
    if local_gpus():
        return True
    return bool(get(remote(local_gpus, num_cpus=0, num_gpus=1, max_retries=3).remote()))
