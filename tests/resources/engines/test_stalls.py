"""A run that cannot go on ends and says why; on a real Ray."""

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import ray
from ray.data import ActorPoolStrategy

from resources.config.ray_settings import RaySettings
from resources.engines.nodes import Installed, _differences
from resources.engines.progress import SilentProgress
from resources.engines.ray import flushed, plan_ray, ray_map
from resources.engines.ray_types import made_tables
from resources.engines.stalls import PATIENCE_S, StalledError, patience_s, patiently, set_patience
from resources.lake.tables import Lake

# What the abandoned execution of Ray Data says in its thread.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")


@pytest.fixture
def impatient(ray_session: None) -> Iterator[None]:
    set_patience(2)
    yield
    set_patience(PATIENCE_S)


def double(number: int) -> int:
    return 2 * number


@pytest.mark.full
@pytest.mark.usefixtures("impatient")
def test_a_task_that_no_node_has_room_for_ends_the_run_by_name() -> None:
    assert list(ray_map(double, [1], progress=SilentProgress(), label="x")) == [2]
    with pytest.raises(
        StalledError, match=r"waits for room for 2 × CPU 3; 127\.0\.0\.1 has CPU 2, .*of which free CPU 2"
    ):
        list(ray_map(double, [1, 2], progress=SilentProgress(), label="x", num_cpus=3))
    assert list(ray_map(double, [3], progress=SilentProgress(), label="x")) == [6]


@pytest.mark.full
@pytest.mark.usefixtures("impatient")
def test_the_patience_of_a_plan_holds_at_once_where_ray_runs(tmp_path: Path) -> None:
    plan_ray(RaySettings(patience_s=3), Lake(tmp_path))
    assert patience_s() == 3
    set_patience(2)
    assert list(ray_map(double, [1], progress=SilentProgress(), label="x")) == [2]
    assert patience_s() == 2


@pytest.mark.full
@pytest.mark.usefixtures("impatient")
def test_a_task_that_is_under_way_may_take_longer() -> None:
    def slowly(number: int) -> int:
        time.sleep(5)
        return number

    assert patience_s() == 2
    assert list(ray_map(slowly, [1], progress=SilentProgress(), label="x")) == [1]


class Actor:
    def __call__(self, batch: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        return batch


@pytest.mark.full
@pytest.mark.usefixtures("impatient")
def test_an_actor_that_no_node_has_room_for_ends_the_run_by_name() -> None:
    set_patience(8)
    rows = ray.data.from_items(list(range(4)), override_num_blocks=4)
    made = rows.map_batches(Actor, compute=ActorPoolStrategy(size=1), num_cpus=2.5, batch_size=1)
    with pytest.raises(StalledError, match=r"nothing was finished for 8 s: it waits for room for 1 × CPU 2\.5"):
        list(flushed(patiently(made_tables(made)), every=1, progress=SilentProgress(), label="x", total=4))


def test_patience_hands_on_items_errors_and_the_end() -> None:
    assert list(patiently(iter(range(5)))) == [0, 1, 2, 3, 4]

    def failing() -> Iterator[int]:
        yield 1
        raise KeyError("x")

    items = patiently(failing())
    assert next(items) == 1
    with pytest.raises(KeyError, match="x"):
        next(items)


def test_whoever_stops_asking_stops_the_drawing() -> None:
    drawn: list[int] = []

    def counted() -> Iterator[int]:
        for number in range(100):
            drawn.append(number)
            yield number

    for item in patiently(counted()):
        if item == 3:
            break
    time.sleep(1.5)
    assert len(drawn) <= 6


def test_a_node_that_lacks_a_package_or_has_another_is_told_apart() -> None:
    own = Installed("3.11.7", {"torch": "2.1", "pyarrow": "20.0"})
    assert _differences(own, own) == []
    assert _differences(Installed("3.12.1", {"torch": None, "pyarrow": "19.0"}), own) == [
        "has Python 3.12.1, not 3.11.7",
        "lacks torch 2.1",
        "has pyarrow 19.0, not 20.0",
    ]
