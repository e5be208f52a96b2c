"""A lake under a name that is hard to carry."""

from pathlib import Path

import pytest

from resources.lake.tables import Lake


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "a lake with 100% of the awkward=signs")
