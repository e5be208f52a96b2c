"""One published version for all tests of exports."""

import pytest

from tests.support.exported import Published, publish_demo


@pytest.fixture(scope="session")
def published(ray_session: None, tmp_path_factory: pytest.TempPathFactory) -> Published:
    """Two versions of a lake with the demo's drop and strange rows in it."""
    return publish_demo(tmp_path_factory.mktemp("exports"))
