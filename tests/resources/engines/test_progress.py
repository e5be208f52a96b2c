"""Where long work says how far it is: lines where nobody looks at a screen, and several places at once."""

import io
import json
import logging
import re
from datetime import UTC, datetime

from rich.console import Console

from resources.engines.log_lines import lines_about
from resources.engines.progress import LogProgress, Numbered, RichProgress, Together, console_progress


def test_what_is_no_terminal_gets_lines() -> None:
    file = io.StringIO()
    progress = console_progress(Console(file=file))
    with progress.track("Embed images", 3) as advance:
        advance(2)
    with progress.track("Count modalities"):
        pass
    lines = [re.sub(r"\d\d:\d\d:\d\d|\d+\.\d (s\b|a)", r"*\1", line) for line in file.getvalue().splitlines()]
    assert lines == [
        "*  1 Embed images: begun",
        "*  1 Embed images: 2 of 3 in *s, *a second",
        "*  2 Count modalities: begun",
        "*  2 Count modalities: done in *s",
    ]


def test_work_that_takes_long_says_how_long_still() -> None:
    file = io.StringIO()
    logger = logging.Logger("slow")
    logger.addHandler(logging.StreamHandler(file))
    with LogProgress(logger, every_s=0).track("Measure", 4) as advance:
        advance(1)
    assert re.search(r"Measure: 1 of 4, \d+\.\d a second, \d+ s left\n", file.getvalue())


def test_a_bar_has_its_pace_and_what_is_left() -> None:
    file = io.StringIO()
    screen = Console(file=file, force_terminal=True, no_color=True, width=140)
    with console_progress(screen).track("Embed images", 2) as advance:
        advance(1)
        advance(1)
    assert re.search(r" 1 Embed images .*2/2\S* \S+/s ", file.getvalue())


def test_a_terminal_gets_bars() -> None:
    progress = console_progress(Console(file=io.StringIO(), force_terminal=True))
    assert isinstance(progress, Numbered)
    assert isinstance(progress.place, RichProgress)


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
