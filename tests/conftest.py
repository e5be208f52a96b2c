"""One Ray and one Spark for the whole test session; both real."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

# Before numpy is loaded. Its matrices are small here: threads of OpenBLAS spin on them, and take up to nine times the
# processor time, from each other too where tests run in parallel.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# How long one example takes says nothing on a shared machine; pytest's own time-out catches what hangs.
settings.register_profile("shared-machine", deadline=None)
settings.load_profile("shared-machine")

PHOTOS = Path(__file__).parents[1].parent / "shared" / "data" / "photos"


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
