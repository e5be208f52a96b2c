"""How a step fails: in the words of the error, with the fix, and tried again only where that may help."""

from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from typing import Any, ParamSpec, TypeVar

import dagster as dg
from dagster._core.errors import DagsterExecutionInterruptedError

from assets.around import Passed, around, as_made
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
    return around(compute, _failures)


@contextmanager
def _failures(arguments: Mapping[str, Any]) -> Generator[Passed]:
    settings: Settings = arguments["settings"]
    retries = settings.operation.retries
    try:
        yield as_made
    except Exception as error:
        if (interruption := _interruption(error)) is not None:
            raise interruption from None
        if is_transient(error) and retries:
            raise dg.RetryRequested(retries, seconds_to_wait=_WAIT_SECONDS) from error
        if isinstance(error, AssayError):
            raise dg.Failure(str(error), allow_retries=False) from error
        raise


def _interruption(error: BaseException) -> BaseException | None:
    """What told the run to stop, where the error is one of an engine that was told so too, or was left in mid-sentence:
    py4j's stands before it then."""
    context = error.__cause__ or error.__context__
    while context is not None:
        if isinstance(context, DagsterExecutionInterruptedError | KeyboardInterrupt):
            return context
        context = context.__cause__ or context.__context__
    return None
