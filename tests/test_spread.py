"""Tests of an engine are spread over pytest's workers by it."""

import pytest

from tests.support.spread import ENGINES, unit


def test_every_module_that_takes_an_engine_is_spread_by_it(request: pytest.FixtureRequest) -> None:
    misplaced = {
        f"{item.path.name} takes {engine}"
        for item in request.session.items
        for engine in ENGINES.keys() & set(getattr(item, "fixturenames", ()))
        if unit(item.path) not in (engine, "spark")
    }
    assert not misplaced


def test_other_modules_stand_alone(request: pytest.FixtureRequest) -> None:
    assert unit(request.path) == str(request.path)
