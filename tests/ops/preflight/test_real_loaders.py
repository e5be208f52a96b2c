"""Forecasts against what the trainers' own loaders do with 500 hostile rows: outcome and numbers, row by row."""

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from ops.preflight.contract import MISSING, Forecast, Outcome
from ops.preflight.forecast import forecast_rows
from ops.preflight.registry import limits_of, trainer_of
from ops.text.tokens import counter, stamp
from tests.support.hostile_rows import ROWS, write_masked, write_rows
from tests.support.hostile_tools import write_called, write_listed, write_tooled
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


def forecast_file(trainer: str, file: Path, folder: Path, **given: object) -> list[Forecast]:
    chosen = trainer_of(trainer)
    limits = limits_of(chosen, {"model": "qwen2.5-vl", "max_tokens": MOST_TOKENS, **given})
    return forecast_rows(chosen, read_rows(file), limits, counter(str(folder), stamp(str(folder))))


def assert_varied(forecasts: list[Forecast], *outcomes: str) -> None:
    """The rows are hostile enough: each of these outcomes is forecast for some."""
    counts = Counter(one.outcome.value for one in forecasts)
    assert sum(counts.values()) == ROWS
    assert all(counts[outcome] >= 10 for outcome in outcomes), counts


@pytest.mark.parametrize("truncation", ["delete", "right", "left"])
def test_ms_swift_does_what_is_forecast(rows_file: Path, model: Path, tmp_path: Path, truncation: str) -> None:
    forecasts = forecast_file("ms-swift", rows_file, model, truncation=truncation)
    assert_varied(forecasts, "read", "dropped", "replaced", *(["truncated"] if truncation != "delete" else []))
    words = {"delete": "raise"}
    arguments = (model, rows_file, str(MOST_TOKENS), words.get(truncation, truncation))
    loaded = run_loader("ms_swift_rows", "ms-swift", *arguments, scratch=tmp_path)
    assert not differences(forecasts, loaded)


def test_llama_factory_does_what_is_forecast(rows_file: Path, model: Path, tmp_path: Path) -> None:
    forecasts = forecast_file("llamafactory", rows_file, model)
    assert_varied(forecasts, "read", "dropped", "crashed", "truncated")
    loaded = run_loader("llama_factory_rows", "llama-factory", model, rows_file, str(MOST_TOKENS), scratch=tmp_path)
    assert not differences(forecasts, loaded)


@pytest.mark.parametrize(
    "write",
    [
        pytest.param(lambda folder: write_tooled(folder, "tool"), id="tools"),
        pytest.param(write_called, id="calls_of_tools"),
        pytest.param(lambda folder: write_listed(folder, "tool"), id="lists_of_tools"),
    ],
)
def test_ms_swift_does_what_is_forecast_of_tools(model: Path, tmp_path: Path, write: Callable[[Path], Path]) -> None:
    file = write(tmp_path)
    forecasts = forecast_file("ms-swift", file, model, truncation="right")
    assert_varied(forecasts, "read", "replaced", "truncated")
    loaded = run_loader("ms_swift_rows", "ms-swift", model, file, str(MOST_TOKENS), "right", scratch=tmp_path)
    assert not differences(forecasts, loaded)


def test_llama_factory_does_what_is_forecast_of_calls_of_tools(model: Path, tmp_path: Path) -> None:
    file = write_called(tmp_path, ["function_call"], ["observation"])
    forecasts = forecast_file("llamafactory", file, model)
    assert_varied(forecasts, "read", "dropped", "crashed")
    loaded = run_loader("llama_factory_rows", "llama-factory", model, file, str(MOST_TOKENS), scratch=tmp_path)
    assert not differences(forecasts, loaded)


def test_ms_swift_does_what_is_forecast_of_answers_without_loss(model: Path, tmp_path: Path) -> None:
    file = write_masked(tmp_path)
    forecasts = forecast_file("ms-swift", file, model, truncation="right")
    assert_varied(forecasts, "read", "dropped", "replaced", "truncated")
    loaded = run_loader("ms_swift_rows", "ms-swift", model, file, str(MOST_TOKENS), "right", scratch=tmp_path)
    assert not differences(forecasts, loaded)


def test_llama_factory_does_what_is_forecast_of_lists_of_tools(model: Path, tmp_path: Path) -> None:
    file = write_listed(tmp_path, "observation")
    forecasts = forecast_file("llamafactory", file, model)
    assert_varied(forecasts, "read", "dropped", "crashed", "truncated")
    loaded = run_loader("llama_factory_rows", "llama-factory", model, file, str(MOST_TOKENS), scratch=tmp_path)
    assert not differences(forecasts, loaded)


def test_llama_factory_does_what_is_forecast_of_tools(model: Path, tmp_path: Path) -> None:
    file = write_tooled(tmp_path, "observation")
    forecasts = forecast_file("llamafactory", file, model)
    assert_varied(forecasts, "read", "dropped", "crashed", "truncated")
    loaded = run_loader("llama_factory_rows", "llama-factory", model, file, str(MOST_TOKENS), scratch=tmp_path)
    assert not differences(forecasts, loaded)


def test_trl_does_what_is_forecast(rows_file: Path, model: Path, tmp_path: Path) -> None:
    forecasts = forecast_file("trl", rows_file, model)
    assert_varied(forecasts, "read", "crashed", "truncated")
    loaded = run_loader("trl_rows", "", model, rows_file, str(MOST_TOKENS), scratch=tmp_path)
    assert not differences(forecasts, loaded)


@pytest.mark.parametrize("shape", ["column", "parts"])
def test_axolotl_does_what_is_forecast(rows_file: Path, model: Path, tmp_path: Path, shape: str) -> None:
    limits = limits_of(trainer_of("axolotl"), {"model": "qwen2.5-vl"})
    rows = read_rows(rows_file)
    if shape == "parts":
        rows = [replace(row, turns=tuple(replace(turn, is_list=True) for turn in row.turns)) for row in rows]
    forecasts = forecast_rows(trainer_of("axolotl"), rows, limits, counter(str(model), stamp(str(model))))
    assert_varied(forecasts, "read", "crashed")
    loaded = run_loader("axolotl_rows", "axolotl", model, rows_file, shape, scratch=tmp_path)
    assert len(loaded) >= (ROWS if shape == "column" else ROWS - 60)
    numbers = [number for number in sorted(loaded) if forecasts[number].outcome is not Outcome.UNKNOWN]
    assert len(numbers) >= len(loaded) - 2
    there = {place: loaded[number] for place, number in enumerate(numbers)}
    assert not differences([forecasts[number] for number in numbers], there)


@pytest.mark.parametrize(("trainer", "word"), [("axolotl", "column"), ("trl", "512")])
def test_these_do_not_look_at_lists_of_tools(
    rows_file: Path, model: Path, tmp_path: Path, trainer: str, word: str
) -> None:
    listed = json.dumps([{"name": "zoom", "description": "Look near.", "parameters": {"type": "object"}}])
    records = [json.loads(line) | {"tools": listed} for line in rows_file.read_text("utf-8").splitlines()]
    rows_file.write_text("\n".join(json.dumps(record) for record in records) + "\n", "utf-8")
    forecasts = forecast_file(trainer, rows_file, model, max_tokens=MOST_TOKENS if trainer == "trl" else 32768)
    assert_varied(forecasts, "read", "crashed")
    environment = "axolotl" if trainer == "axolotl" else ""
    loaded = run_loader(f"{trainer}_rows", environment, model, rows_file, word, scratch=tmp_path)
    assert not differences(forecasts, loaded)


def test_megatron_energon_does_what_is_forecast(rows_file: Path, model: Path, tmp_path: Path) -> None:
    """No tar holds a file that is missing: such rows are not asked for."""
    chosen = trainer_of("megatron-energon")
    rows = read_rows(rows_file)
    forecasts = forecast_rows(chosen, rows, limits_of(chosen, {}), counter("", ""))
    assert_varied(forecasts, "read", "dropped")
    loaded = run_loader("megatron_energon_rows", "megatron-energon", rows_file, scratch=tmp_path)
    outcomes = [(forecasts[number].outcome.value, said["outcome"]) for number, said in loaded.items()]
    assert len(outcomes) == sum(all(picture.state != MISSING for picture in row.pictures) for row in rows)
    assert [pair for pair in outcomes if pair[0] != pair[1]] == []


@pytest.mark.parametrize(("trainer", "script"), [("qwen-vl", "qwen_vl_rows"), ("internvl", "internvl_rows")])
def test_readers_after_the_sources_do_what_is_forecast(
    rows_file: Path, model: Path, tmp_path: Path, trainer: str, script: str
) -> None:
    most = 4096 if trainer == "internvl" else MOST_TOKENS
    family = "internvl" if trainer == "internvl" else "qwen2.5-vl"
    forecasts = forecast_file(trainer, rows_file, model, model=family, max_tokens=most)
    assert_varied(forecasts, "read", "replaced")
    loaded = run_loader(script, "", model, rows_file, str(most), scratch=tmp_path)
    known = [one for one in forecasts if one.outcome is not Outcome.UNKNOWN]
    assert len(known) >= ROWS - 10
    assert not [line for line in differences(forecasts, loaded) if "UNKNOWN" not in line]
