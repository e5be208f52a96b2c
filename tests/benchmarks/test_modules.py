"""Every benchmark is loaded: no test runs one as a whole, so that nothing else sees a name that is gone."""

from importlib import import_module
from pathlib import Path

import pytest

BENCHMARKS = sorted(path.stem for path in (Path(__file__).parents[2] / "benchmarks").glob("*.py"))


@pytest.mark.full
@pytest.mark.parametrize("name", BENCHMARKS)
def test_a_benchmark_loads(name: str) -> None:
    assert import_module(f"benchmarks.{name}").__doc__
