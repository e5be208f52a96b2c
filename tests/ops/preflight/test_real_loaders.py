"""Forecasts against what the trainers' own loaders do with 500 hostile rows: outcome and numbers, row by row."""

from collections import Counter
from pathlib import Path

import pytest

from ops.preflight.contract import Forecast
from ops.preflight.forecast import forecast_rows
from ops.preflight.registry import limits_of, trainer_of
from ops.text.tokens import counter, stamp
from tests.support.hostile_rows import ROWS, write_rows
from tests.support.qwen_folder import write_qwen
from tests.support.trainer_outcomes import differences, read_rows, run_loader

pytestmark = [pytest.mark.full, pytest.mark.timeout(1500)]
MOST_TOKENS = 512


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_qwen(tmp_path_factory.mktemp("model"))


@pytest.fixture
def rows_file(tmp_path: Path) -> Path:
    write_rows(tmp_path)
    return tmp_path / "rows.jsonl"


def forecast_file(trainer: str, file: Path, model: Path, **given: object) -> list[Forecast]:
    chosen = trainer_of(trainer)
    limits = limits_of(chosen, {"model": "qwen2.5-vl", "max_tokens": MOST_TOKENS, **given})
    return forecast_rows(chosen, read_rows(file), limits, counter(str(model), stamp(str(model))))


def assert_varied(forecasts: list[Forecast], *outcomes: str) -> None:
    """The rows are hostile enough: each of these outcomes is forecast for some."""
    found = Counter(one.outcome.value for one in forecasts)
    assert sum(found.values()) == ROWS
    assert all(found[outcome] >= 10 for outcome in outcomes), found


@pytest.mark.parametrize("truncation", ["delete", "right", "left"])
def test_ms_swift_does_what_is_forecast(rows_file: Path, model: Path, tmp_path: Path, truncation: str) -> None:
    forecasts = forecast_file("ms-swift", rows_file, model, truncation=truncation)
    assert_varied(forecasts, "read", "dropped", "replaced", *(["truncated"] if truncation != "delete" else []))
    words = {"delete": "raise"}
    arguments = (model, rows_file, str(MOST_TOKENS), words.get(truncation, truncation))
    found = run_loader("ms_swift_rows", "ms-swift", *arguments, scratch=tmp_path)
    assert not differences(forecasts, found)


def test_llama_factory_does_what_is_forecast(rows_file: Path, model: Path, tmp_path: Path) -> None:
    forecasts = forecast_file("llamafactory", rows_file, model)
    assert_varied(forecasts, "read", "dropped", "crashed", "truncated")
    found = run_loader("llama_factory_rows", "llama-factory", model, rows_file, str(MOST_TOKENS), scratch=tmp_path)
    assert not differences(forecasts, found)


def test_trl_does_what_is_forecast(rows_file: Path, model: Path, tmp_path: Path) -> None:
    forecasts = forecast_file("trl", rows_file, model)
    assert_varied(forecasts, "read", "crashed", "truncated")
    found = run_loader("trl_rows", "", model, rows_file, str(MOST_TOKENS), scratch=tmp_path)
    assert not differences(forecasts, found)
