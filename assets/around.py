"""What a decorator of assets shares with the others: a context around the function, also of one that yields."""

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from functools import wraps
from typing import Any, ParamSpec, TypeVar, cast

Given = ParamSpec("Given")
Made = TypeVar("Made")
Passed = Callable[[object], object]
"""Takes what an asset's function made; what it returns is made instead."""


def as_made(made: object) -> object:
    """Lets it be."""
    return made


def around(
    compute: Callable[Given, Made], entered: Callable[[Mapping[str, Any]], AbstractContextManager[Passed]]
) -> Callable[Given, Made]:
    """The function within the context, which is entered with its arguments by name; all that the function makes goes
    through what the context gives."""
    signature = inspect.signature(compute)

    @wraps(compute)
    def whole(*args: Given.args, **kwargs: Given.kwargs) -> Made:
        with entered(signature.bind(*args, **kwargs).arguments) as passed:
            return cast("Made", passed(compute(*args, **kwargs)))

    @wraps(compute)
    def streamed(*args: Given.args, **kwargs: Given.kwargs) -> Iterator[object]:
        with entered(signature.bind(*args, **kwargs).arguments) as passed:
            for made in cast("Iterator[object]", compute(*args, **kwargs)):
                yield passed(made)

    return cast("Callable[Given, Made]", streamed) if inspect.isgeneratorfunction(compute) else whole
