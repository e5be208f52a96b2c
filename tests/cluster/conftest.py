"""What runs on several machines at once, each of them a set of Linux namespaces (tests/support/nodes.py).

Every test here carries the marker `cluster`, so that `make test-cluster` alone takes it, and a deadline.
"""

from pathlib import Path

import pytest

from tests.support.nodes import nodes_impossible

_FOLDER = Path(__file__).parent
DEADLINE_S = 600


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(_FOLDER):
            item.add_marker(pytest.mark.cluster)
            if item.get_closest_marker("timeout") is None:
                item.add_marker(pytest.mark.timeout(DEADLINE_S))


def pytest_runtest_setup(item: pytest.Item) -> None:
    if reason := nodes_impossible():
        pytest.skip(f"no nodes on this machine: {reason}")
