"""Where long work says how far it is: lines where nobody looks at a screen, and several places at once."""

import io
import json
import logging
import re
from datetime import UTC, datetime

from rich.console import Console

from resources.engines.log_lines import lines_about
from resources.engines.progress import LogProgress, RichProgress, Together, console_progress


def test_what_is_no_terminal_gets_lines() -> None:
    file = io.StringIO()
    with console_progress(Console(file=file)).track("Embed images", 3) as advance:
        advance(2)
    with console_progress(Console(file=file)).track("Count modalities"):
        pass
    lines = [re.sub(r"\d\d:\d\d:\d\d|\d+\.\d s", "*", line) for line in file.getvalue().splitlines()]
    assert lines == [
        "* Embed images: begun",
        "* Embed images: 2 of 3 in *",
        "* Count modalities: begun",
        "* Count modalities: done in *",
    ]


def test_a_terminal_gets_bars() -> None:
    assert isinstance(console_progress(Console(file=io.StringIO(), force_terminal=True)), RichProgress)


def test_several_places_hear_of_the_same_work() -> None:
    files = [io.StringIO(), io.StringIO()]
    loggers = [logging.Logger("one"), logging.Logger("two")]
    for file, logger in zip(files, loggers, strict=True):
        logger.addHandler(logging.StreamHandler(file))
    with Together(*(LogProgress(logger) for logger in loggers)).track("Measure", 5) as advance:
        advance(5)
    assert [file.getvalue().startswith("Measure: begun\nMeasure: 5 of 5 in ") for file in files] == [True, True]


def test_a_collector_gets_an_object_a_line_that_names_what_it_is_of() -> None:
    file = io.StringIO()
    progress = console_progress(Console(file=file, force_terminal=True), as_json=True)
    with (
        lines_about(run="r1", step="ingest", drop=""),
        progress.track("Read a\nb \ud800 \u2028"),
        lines_about(step="x"),
    ):
        logging.getLogger("elsewhere").info("not ours")
    with progress.track("Count"):
        pass
    lines = [json.loads(line) for line in file.getvalue().splitlines()]
    assert [(line["message"].split(":")[0], line["level"]) for line in lines] == [
        ("Read a\nb \ud800 \u2028", "info"),
        ("Read a\nb \ud800 \u2028", "info"),
        ("Count", "info"),
        ("Count", "info"),
    ]
    assert {"run": "r1", "step": "ingest"}.items() <= lines[1].items()
    assert "drop" not in lines[0]
    assert "run" not in lines[3]
    assert all(datetime.fromisoformat(line["at"]).tzinfo == UTC for line in lines)
