"""What trainers' own loaders do with hostile rows, and how that compares with a forecast."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ops.preflight.contract import MISSING, Forecast, Outcome, Picture, Row
from ops.preflight.forecast import forecast_of_row
from ops.preflight.looking import look_at
from ops.preflight.records import read_record
from tests.support.loaders import SCRIPTS, offline, trainer_python

_AGREED = {Outcome.READ, Outcome.RESIZED, Outcome.TRUNCATED}


def run_loader(script: str, trainer: str, *arguments: str | Path, scratch: Path) -> dict[int, dict[str, Any]]:
    """What became of each row, by its number. `trainer` names an environment of `make trainers`; empty for this one."""
    python = trainer_python(trainer) if trainer else Path(sys.executable)
    command = [str(python), str(SCRIPTS / f"{script}.py"), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | offline(scratch))
    assert done.returncode == 0, done.stderr[-4000:]
    outcomes = [json.loads(line) for line in done.stdout.split("\n") if line.startswith('{"row"')]
    return {said["row"]: said for said in outcomes}


def read_rows(file: Path) -> list[Row]:
    """The rows of a file of hostile rows, with what there is to see of their pictures."""
    records = [json.loads(line) for line in file.read_text("utf-8").split("\n") if line]
    return [read_record(one, one["channel"], lambda name: look(file.parent / name)) for one in records]


def look(path: Path) -> Picture:
    """A picture's size and state."""
    return look_at(path.read_bytes()) if path.is_file() else Picture(state=MISSING)


def differences(forecasts: Sequence[Forecast], outcomes: dict[int, dict[str, Any]]) -> list[str]:
    """A line for each row whose forecast is not what the loader did, or whose numbers are not the loader's."""
    pairs = [(number, one, outcomes[number]) for number, one in enumerate(forecasts)]
    return [f"row {number}: {one}; the loader: {said}" for number, one, said in pairs if not _agree(one, said)]


def differing_sides(sides: Sequence[Sequence[Forecast]], outcomes: dict[int, dict[str, Any]]) -> list[str]:
    """The same of rows with several conversations: what the loader says of a row that it read stands for each side."""
    lines: list[str] = []
    for number, forecasts in enumerate(sides):
        outcome = outcomes[number]
        if outcome["outcome"] == "read":
            crashes = any(read["image_tokens"] != read["features"] for read in outcome["sides"])
            worst = Outcome.CRASHED if any(one.outcome is Outcome.CRASHED for one in forecasts) else None
            pairs = list(zip(forecasts, outcome["sides"], strict=True))
            agree = worst is not None if crashes else all(_agree(one, read) for one, read in pairs)
        else:
            agree = forecast_of_row(forecasts).outcome.value == outcome["outcome"]
        if not agree:
            lines.append(f"row {number}: {forecasts}; the loader: {outcome}")
    return lines


def _agree(forecast: Forecast, outcome: dict[str, Any]) -> bool:
    if outcome["outcome"] != "read":
        return outcome["outcome"] == forecast.outcome.value
    if outcome["image_tokens"] != outcome["features"]:  # the model stops there
        return forecast.outcome is Outcome.CRASHED
    lost = {
        "tokens": forecast.tokens and forecast.tokens - forecast.tokens_lost,
        "answer_tokens": forecast.answer_tokens and forecast.answer_tokens - forecast.answer_tokens_lost,
        "image_tokens": forecast.image_tokens and forecast.image_tokens - forecast.image_tokens_lost,
    }
    return forecast.outcome in _AGREED and all(
        outcome[name] == count for name, count in lost.items() if name in outcome
    )
