"""Progress of long work: bars in a terminal, lines in a log or where there is no terminal, nothing in tests."""

import logging
import time
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from itertools import count
from typing import Protocol

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bars
from rich.text import Text

from resources.engines.log_lines import json_logger

Advance = Callable[[int], None]


class Progress(Protocol):
    """Where long work says how far it is."""

    def track(self, label: str, total: int | None = None) -> AbstractContextManager[Advance]:
        """A context that yields `advance(n)`: n more of `total` units (unknown where None) are done."""
        ...


class SilentProgress:
    """Says nothing."""

    @contextmanager
    def track(self, label: str, total: int | None = None) -> Generator[Advance]:
        yield lambda _: None


class LogProgress:
    """A line when work starts, every `every_s` seconds, and when it ends: for schedulers and the Dagster UI."""

    def __init__(self, logger: logging.Logger | None = None, *, every_s: float = 10.0) -> None:
        self.logger = logger or logging.getLogger("assay")
        self.every_s = every_s

    @contextmanager
    def track(self, label: str, total: int | None = None) -> Generator[Advance]:
        done, started = 0, time.monotonic()
        logged = started
        of = "" if total is None else f" of {total}"

        def rate() -> float:
            return done / max(time.monotonic() - started, 1e-3)

        self.logger.info("%s: begun", label)

        def advance(n: int) -> None:
            nonlocal done, logged
            done += n
            if time.monotonic() - logged >= self.every_s:
                logged = time.monotonic()
                left = "" if total is None or not done else f", {max(0, total - done) / rate():.0f} s left"
                self.logger.info("%s: %d%s, %.1f a second%s", label, done, of, rate(), left)

        yield advance
        count = f"{done}{of} " if done or total is not None else "done "
        pace = f", {rate():.1f} a second" if done > 1 else ""
        self.logger.info("%s: %sin %.1f s%s", label, count, time.monotonic() - started, pace)


class _Pace(ProgressColumn):
    """How many are done a second."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text("" if speed is None or not task.completed else f"{speed:,.1f}/s")


class RichProgress:
    """Bars that stay on the screen, one a step."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(stderr=True)

    @contextmanager
    def track(self, label: str, total: int | None = None) -> Generator[Advance]:
        columns = (
            TextColumn("{task.description:<44}"),
            BarColumn(bar_width=28),
            MofNCompleteColumn(),
            _Pace(),
            TimeElapsedColumn(),
            TimeRemainingColumn(compact=True),
        )
        with Bars(*columns, console=self.console) as bars:
            task = bars.add_task(label, total=total)
            yield lambda n: bars.advance(task, n)
            done = int(bars.tasks[0].completed)
            bars.update(task, total=max(done, 1), completed=max(done, 1))


class Numbered:
    """Says it with the number of the stage before it."""

    def __init__(self, place: Progress) -> None:
        self.place, self.stages = place, count(1)

    def track(self, label: str, total: int | None = None) -> AbstractContextManager[Advance]:
        return self.place.track(f"{next(self.stages):>2} {label}", total)


class Together:
    """Says it in several places at once."""

    def __init__(self, *places: Progress) -> None:
        self.places = places

    @contextmanager
    def track(self, label: str, total: int | None = None) -> Generator[Advance]:
        with ExitStack() as stack:
            advances = [stack.enter_context(place.track(label, total)) for place in self.places]

            def advance(n: int) -> None:
                for advance_place in advances:
                    advance_place(n)

            yield advance


def console_progress(console: Console, *, as_json: bool = False) -> Progress:
    """Numbered bars where the console is a terminal; elsewhere, as in a file or under a scheduler, lines with the time.
    Or lines of JSON (resources.engines.log_lines) wherever it is."""
    if as_json:
        return LogProgress(json_logger(console.file))
    if console.is_terminal:
        return Numbered(RichProgress(console))
    # A logger of its own: the one called `assay` also writes to the log of the Dagster run.
    logger = logging.Logger("console", logging.INFO)
    handler = logging.StreamHandler(console.file)
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%H:%M:%S"))
    logger.addHandler(handler)
    return Numbered(LogProgress(logger))
