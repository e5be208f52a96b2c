"""How a step fails: in the words of the error, with the fix, and tried again only where that may help."""

import inspect
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import ParamSpec, TypeVar, cast

import dagster as dg

from ops.core.errors import AssayError
from resources.config.settings import Settings
from resources.engines.transient import is_transient

Given = ParamSpec("Given")
Made = TypeVar("Made")
_WAIT_SECONDS = 15


def failing_in_words(compute: Callable[Given, Made]) -> Callable[Given, Made]:
    """Around an asset's function, which takes `settings`. A lost worker or a hiccup of the storage has the step tried
    again, `operation.retries` times; what whoever runs it can mend fails at once, with the message alone in the UI;
    anything else is a fault of Assay and fails as it is. What a step did before is not done again."""
    signature = inspect.signature(compute)

    def retries(*args: Given.args, **kwargs: Given.kwargs) -> int:
        settings: Settings = signature.bind(*args, **kwargs).arguments["settings"]
        return settings.operation.retries

    @wraps(compute)
    def whole(*args: Given.args, **kwargs: Given.kwargs) -> Made:
        with _failures(retries(*args, **kwargs)):
            return compute(*args, **kwargs)

    @wraps(compute)
    def streamed(*args: Given.args, **kwargs: Given.kwargs) -> Iterator[object]:
        with _failures(retries(*args, **kwargs)):
            yield from cast("Iterator[object]", compute(*args, **kwargs))

    return cast("Callable[Given, Made]", streamed) if inspect.isgeneratorfunction(compute) else whole


@contextmanager
def _failures(retries: int) -> Generator[None]:
    try:
        yield
    except Exception as error:
        if is_transient(error) and retries:
            raise dg.RetryRequested(retries, seconds_to_wait=_WAIT_SECONDS) from error
        if isinstance(error, AssayError):
            raise dg.Failure(str(error), allow_retries=False) from error
        raise
