"""Where an encoder runs is decided by what the cluster has; on real Rays, each in a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resources.config.encoder_settings import EncoderSettings
from resources.models.encoder_source import local_gpus, precision_of
from resources.models.placement import Room

REPOSITORY = Path(__file__).parents[3]


@given(
    cores=st.lists(st.sampled_from([0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 16.0, 96.0]), min_size=1, max_size=8),
    wanted=st.integers(1, 40),
    data=st.data(),
)
def test_wherever_encoders_are_put_and_whatever_dies_all_have_room_and_a_decoder_too(
    cores: list[float], wanted: int, data: st.DataObject
) -> None:
    room = Room(tuple(cores), 0)
    actors = min(wanted, room.whole)
    share, decode = room.encoder_share(actors), room.decode_share
    assert 0 < share < min(cores)
    assert share != decode  # Ray would make one operator of the two
    free = list(cores)
    dead = data.draw(st.integers(0, len(free) - 1))
    for _ in range(dead):
        free.pop(data.draw(st.integers(0, len(free) - 1)))
    for _ in range(actors):
        holds = [at for at, left in enumerate(free) if left >= share]
        assert holds, "an encoder would wait for ever"
        free[data.draw(st.sampled_from(holds))] -= share
    assert max(free) >= decode, "decoders would starve"
    assert 1 <= room.threads(actors) <= max(1, *cores)


def test_a_cluster_whose_nodes_have_yet_to_come_asks_for_little() -> None:
    assert Room((), 0).encoder_share(1) < 1
    assert (Room((), 0).total, Room((), 0).whole, Room((), 0).decode_share) == (1, 1, 0.5)


@pytest.mark.parametrize("device", ["gpu", "cuda:", "cuda:x", "CPU", "cuda:-1", ""])
def test_a_device_that_is_none_is_refused_where_it_is_read(device: str) -> None:
    with pytest.raises(ValueError, match="it must be auto, cpu, cuda or cuda:N"):
        EncoderSettings(device=device)


def test_a_named_device_decides_the_precision_wherever_it_is() -> None:
    """So that the name of the vectors is known on a head without a GPU."""
    assert precision_of(EncoderSettings(device="cuda")) == precision_of(EncoderSettings(device="cuda:3")) == "bf16"
    assert precision_of(EncoderSettings(device="cpu")) == "fp32"
    assert precision_of(EncoderSettings()) == ("bf16" if local_gpus() else "fp32")


DECLARED = """
import ray, resources
ray.init(address="local", num_cpus=1, num_gpus=1, include_dashboard=False, logging_level="error")
from resources.config.encoder_settings import EncoderSettings
from resources.models.encoder_source import EncoderError
from resources.models.placement import cluster_room, place_encoder
print(cluster_room())
for device in ("auto", "cpu", "cuda", "cuda:7"):
    try:
        placed = place_encoder(EncoderSettings(device=device))
        print(device, placed.settings.device, placed.settings.precision, placed.on_gpu, placed.most, dict(placed.needs))
    except EncoderError as error:
        print(device, "EncoderError", error)
"""


def ran(script: str, *words: str, **environment: str) -> str:
    """What a script prints that starts a Ray of its own."""
    known = {name: value for name, value in os.environ.items() if name != "RAY_ADDRESS"}
    known |= {"PYTHONPATH": str(REPOSITORY), **environment}
    command = [sys.executable, "-c", script, *words]
    done = subprocess.run(command, cwd=REPOSITORY, env=known, capture_output=True, text=True, timeout=400, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.mark.full
def test_a_gpu_is_looked_for_where_ray_counts_one() -> None:
    """Declared, not there: PyTorch is asked on that node, and decides."""
    if local_gpus():
        pytest.skip("this machine has a GPU, so that a declared one is real")
    lines = ran(DECLARED, RAY_AUTH_MODE="disabled").splitlines()
    assert lines[:3] == [
        "Room(cores=(1.0,), gpus=1, grows=False)",
        "auto cpu fp32 False 1 {}",
        "cpu cpu fp32 False 1 {}",
    ]
    assert lines[3].startswith("cuda EncoderError encoder.device is 'cuda', and the Ray cluster counts 1 GPUs; PyTorch")
    assert lines[4].startswith("cuda:7 EncoderError encoder.device is 'cuda:7', but 0 GPUs are to be seen")


ONE_CORE = """
import sys
from resources.engines.ray import start_ray
start_ray(num_cpus=1, object_store_bytes=200_000_000)
from tests.support import embedded as t
lake = t.Lake(sys.argv[1])
t.add(lake, "first", [t.drawn(seed) for seed in range(40)], [f"text {n}" for n in range(40)])
counts = t.embed(lake, "first")
print(counts.images_new, counts.texts_new, counts.device)
"""
NODES = """
import os, sys
import resources
import ray
from ray.cluster_utils import Cluster
cluster = Cluster()
for _ in range(3):
    cluster.add_node(num_cpus=1, object_store_memory=100_000_000)
os.environ["RAY_ADDRESS"] = cluster.address
from resources.models import encoding
from resources.engines.ray import start_ray
from tests.support import embedded as t
encoding._IMAGES_AN_ACTOR = int(sys.argv[2])
start_ray()
lake = t.Lake(sys.argv[1])
t.add(lake, "first", [t.drawn(seed) for seed in range(40)], [f"text {n}" for n in range(40)])
counts = t.embed(lake, "first")
print(counts.images_new, counts.texts_new, counts.device, flush=True)
ray.shutdown()
cluster.shutdown()
"""


@pytest.mark.full
def test_one_core_is_enough(tmp_path: Path) -> None:
    assert ran(ONE_CORE, str(tmp_path)).split() == ["40", "40", "cpu"]


@pytest.mark.full
@pytest.mark.parametrize("images_an_actor", [2000, 20])
def test_nodes_of_one_core_hold_encoders_and_decoders(tmp_path: Path, images_an_actor: int) -> None:
    """Three nodes with a core each, on this machine; with one encoder, which is no larger than a node, and with two."""
    printed = ran(NODES, str(tmp_path), str(images_an_actor), RAY_AUTH_MODE="disabled")
    assert printed.split()[-3:] == ["40", "40", "cpu"]
