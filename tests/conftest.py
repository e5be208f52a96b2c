"""One Ray and one Spark for the whole test session, both real, also where it is spread over several workers."""

import gc
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

# Before numpy and torch are loaded. Matrices are small here: threads spin on them, and take up to nine times the
# processor time, from each other too where tests run in parallel.
for library in ("OPENBLAS", "OMP"):
    os.environ.setdefault(f"{library}_NUM_THREADS", "1")

# How long one example takes says nothing on a shared machine; pytest's own time-out catches what hangs. By hand, each
# run of the tests draws other examples, and a failure prints what repeats it; in CI a commit passes or fails for good.
settings.register_profile("explore", deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", settings.get_profile("explore"), derandomize=True, database=None)
PROFILE = "ci" if os.environ.get("CI") else "explore"
settings.load_profile(PROFILE)
# Where the long tests are left out, a quarter of the examples: `make test-all` draws them all.
settings.register_profile("short", settings.get_profile(PROFILE), max_examples=settings().max_examples // 4)

PHOTOS = Path(__file__).parents[1].parent / "shared" / "data" / "photos"


def pytest_configure(config: pytest.Config) -> None:
    """Before any test module is imported: that is when its tests take their number of examples."""
    if "not full" in config.option.markexpr:
        settings.load_profile("short")


@pytest.hookimpl(optionalhook=True)  # without xdist there is nothing to spread
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Keeps on one worker what belongs together."""
    from tests.support.spread import ByEngine

    return ByEngine(config, log)


def pytest_collection_finish() -> None:
    """What is imported by now stays: each full collection would look through it again, a tenth of all processor time
    where tests are small."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def ray_session() -> Iterator[None]:
    """A local Ray with two cores."""
    import ray

    from resources.engines.ray import start_ray

    start_ray(num_cpus=2, object_store_bytes=300_000_000)
    yield
    ray.shutdown()


@pytest.fixture(scope="session")
def spark():
    """A local Spark session."""
    from resources.config.spark_settings import SparkSettings
    from resources.engines.spark import start_spark

    session = start_spark(SparkSettings(cores=2, memory="1g", shuffle_partitions=2, quick_start=True))
    yield session
    session.stop()


@pytest.fixture(scope="session")
def photos() -> Path:
    """The folder of real photos with captions and boxes, where this checkout has it beside it."""
    if not PHOTOS.exists():
        pytest.skip(f"no photos at {PHOTOS}: they are not part of the project")
    return PHOTOS
