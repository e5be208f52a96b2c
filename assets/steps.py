"""What every step of ours does beside its work."""

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from assets.costs import costed
from assets.events import traced
from assets.failures import failing_in_words

Given = ParamSpec("Given")
Made = TypeVar("Made")


def step(compute: Callable[Given, Made]) -> Callable[Given, Made]:
    """Around an asset's function, which takes `lake` and `settings`: it fails in words, what it took is kept, and what
    it makes is told to whoever collects lineage."""
    return traced(costed(failing_in_words(compute)))
