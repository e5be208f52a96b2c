"""What a forecast says an export leaves out is what it leaves out, for the same reasons, of rows of every kind."""

from collections import Counter
from pathlib import Path

import pytest

from ops.preflight.contract import Outcome
from ops.preflight.registry import all_trainers
from resources.engines.progress import SilentProgress
from resources.export.export import export_version
from resources.lake.tables import Lake
from resources.preflight.preflight import preflight_version
from tests.support.exported import publish_demo
from tests.support.prompt_drops import publish_prompts

pytestmark = [pytest.mark.full, pytest.mark.usefixtures("ray_session")]
EXPORTS = {name: name.replace("-", "_") for name in all_trainers()} | {"llamafactory": "llama_factory"}
#: What the reasons of an export say, by the forecast's.
WORDS = {
    "kind_left_out": " holds ",
    "losses_left_out": " loss",
    "tools_left_out": "turns of tools",
    "order_left_out": "not pairs of a question and an answer",
    "picture_left_out": "a picture stands in an answer",
    "rank_left_out": "no response is better",
    "truth_left_out": "no ground truth",
    "turns_left_out": "of several turns",
}


@pytest.fixture(scope="module")
def lakes(tmp_path_factory: pytest.TempPathFactory) -> tuple[Lake, Lake]:
    return publish_demo(tmp_path_factory.mktemp("demo")).lake, publish_prompts(tmp_path_factory.mktemp("prompts"))


@pytest.mark.parametrize("trainer", EXPORTS)
def test_what_is_forecast_to_be_left_out_is_left_out(lakes: tuple[Lake, Lake], tmp_path: Path, trainer: str) -> None:
    for number, lake in enumerate(lakes):
        folder = tmp_path / str(number)
        done = export_version(lake, 1, to=EXPORTS[trainer], folder=folder, progress=SilentProgress())
        forecast = preflight_version(lake, 1, trainer=trainer, given={}, where="limits", progress=SilentProgress())
        left_out = {tally.reason: tally.rows for tally in forecast.tallies if tally.outcome is Outcome.LEFT_OUT}
        assert forecast.rows - sum(left_out.values()) == sum(done.rows.values())
        named = Counter[str]()
        for reason, rows in done.left_out.items():
            (code,) = (code for code, words in WORDS.items() if words in reason)
            named[code] += rows
        assert left_out == named
        unknown = {tally.reason for tally in forecast.tallies if tally.outcome is Outcome.UNKNOWN}
        assert unknown <= {"not_forecast", "other_kind"}, unknown
