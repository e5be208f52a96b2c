"""Forecasts of preferences and prompts against what the trainers' own loaders of DPO, KTO and RL do with 500 hostile
rows of each: outcome and numbers, row by row and side by side."""

from collections import Counter
from pathlib import Path

import pytest

from ops.preflight.contract import Forecast
from ops.preflight.forecast import forecast_of_row, forecast_sides
from ops.preflight.registry import limits_of, trainer_of
from ops.text.tokens import counter, stamp
from tests.support.hostile_pairs import write_asked, write_judged, write_pairs
from tests.support.hostile_rows import ROWS
from tests.support.qwen_folder import write_qwen
from tests.support.trainer_outcomes import differences, differing_sides, read_rows, run_loader

pytestmark = [pytest.mark.full, pytest.mark.timeout(1500)]
MOST_TOKENS = 512


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_qwen(tmp_path_factory.mktemp("model"))


def forecast_file(trainer: str, file: Path, folder: Path, **given: object) -> list[list[Forecast]]:
    chosen = trainer_of(trainer)
    limits = limits_of(chosen, {"model": "qwen2.5-vl", "max_tokens": MOST_TOKENS, **given})
    return forecast_sides(chosen, read_rows(file), limits, counter(str(folder), stamp(str(folder))))


def assert_varied(sides: list[list[Forecast]], *outcomes: str) -> None:
    """The rows are hostile enough: each of these outcomes is forecast for some."""
    counts = Counter(forecast_of_row(of_row).outcome.value for of_row in sides)
    assert sum(counts.values()) == ROWS
    assert all(counts[outcome] >= 10 for outcome in outcomes), counts


@pytest.mark.parametrize("kind", ["dpo", "kto"])
def test_ms_swift_does_what_is_forecast_of_preferences(model: Path, tmp_path: Path, kind: str) -> None:
    file = (write_pairs if kind == "dpo" else write_judged)(tmp_path, "ms-swift")
    forecasts = forecast_file("ms-swift", file, model, truncation="right")
    assert_varied(forecasts, "read", "dropped", "replaced", "truncated")
    loaded = run_loader("ms_swift_pairs", "ms-swift", model, file, str(MOST_TOKENS), kind, scratch=tmp_path)
    assert not differing_sides(forecasts, loaded)


@pytest.mark.parametrize("kind", ["dpo", "kto"])
def test_llama_factory_does_what_is_forecast_of_preferences(model: Path, tmp_path: Path, kind: str) -> None:
    file = (write_pairs if kind == "dpo" else write_judged)(tmp_path, "llamafactory")
    forecasts = forecast_file("llamafactory", file, model)
    assert_varied(forecasts, "read", "dropped", "crashed", "truncated")
    loaded = run_loader("llama_factory_pairs", "llama-factory", model, file, str(MOST_TOKENS), kind, scratch=tmp_path)
    assert not differing_sides(forecasts, loaded)


def test_trl_does_what_is_forecast_of_pairs(model: Path, tmp_path: Path) -> None:
    file = write_pairs(tmp_path, "trl")
    forecasts = forecast_file("trl", file, model)
    assert_varied(forecasts, "read", "crashed", "truncated")
    loaded = run_loader("trl_pairs", "", model, file, str(MOST_TOKENS), scratch=tmp_path)
    assert not differing_sides(forecasts, loaded)


@pytest.mark.parametrize(
    ("trainer", "script", "environment", "given", "words"),
    [
        ("verl", "verl_rows", "verl", {}, [str(MOST_TOKENS)]),
        ("trl-grpo", "trl_prompts", "", {}, []),
        ("ms-swift-grpo", "ms_swift_prompts", "ms-swift", {"truncation": "left"}, [str(MOST_TOKENS), "left"]),
        ("ms-swift-grpo", "ms_swift_prompts", "ms-swift", {"truncation": "delete"}, [str(MOST_TOKENS), "raise"]),
        ("easyr1", "easyr1_rows", "", {}, [str(MOST_TOKENS)]),
    ],
)
def test_prompts_are_read_as_is_forecast(
    model: Path, tmp_path: Path, trainer: str, script: str, environment: str, given: dict[str, str], words: list[str]
) -> None:
    file = write_asked(tmp_path, trainer)
    sides = forecast_file(trainer, file, model, **given)
    failed = {"verl": "dropped"}.get(trainer, "replaced" if given.get("truncation") == "delete" else "crashed")
    assert_varied(sides, "read", failed)
    loaded = run_loader(script, environment, model, file, *words, scratch=tmp_path)
    assert not differences([forecast for (forecast,) in sides], loaded)
