"""What every step of ours does beside its work."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import ParamSpec, TypeVar

from assets.around import Passed, around, as_made
from assets.costs import costed
from assets.events import traced
from assets.failures import failing_in_words
from resources.engines.live_runs import at_work
from resources.lake.tables import Lake

Given = ParamSpec("Given")
Made = TypeVar("Made")


def step(compute: Callable[Given, Made]) -> Callable[Given, Made]:
    """Around an asset's function, which takes `lake` and `settings`: it fails in words, what it took is kept, the lake
    knows that it is at work, and what it makes is told to whoever collects lineage."""
    return traced(part(compute))


def part(compute: Callable[Given, Made], *, name: str = "") -> Callable[Given, Made]:
    """Around a part of a step, which takes `lake` and `settings`, and `drop` in a run of many: as `step`, but that it
    tells nobody of lineage. Its costs are kept under the name, if it has one."""
    return costed(failing_in_words(around(compute, lambda arguments: _working(arguments["lake"]))), name=name)


@contextmanager
def _working(lake: Lake) -> Generator[Passed]:
    with at_work(lake):
        yield as_made
