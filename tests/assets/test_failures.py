"""How steps fail: what may pass is tried again, what a person can mend is said in its words, a fault stays a fault."""

import errno
from collections.abc import Callable, Iterator
from dataclasses import replace

import dagster as dg
import pytest
from dagster._core.errors import DagsterExecutionInterruptedError
from py4j.protocol import Py4JError
from pyspark.errors import PySparkRuntimeError
from ray.exceptions import WorkerCrashedError

from assets import failures
from assets.failures import failing_in_words
from ops.core.errors import MissingError
from resources.config.settings import Settings, load_settings
from resources.engines.transient import is_transient

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def caused(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "may_pass"),
    [
        (WorkerCrashedError(), True),
        (Py4JError("An error occurred while calling o49.sc"), True),
        (PySparkRuntimeError("a fault of ours"), False),
        (ConnectionResetError(), True),
        (OSError(errno.ESTALE, "stale"), True),
        (caused(RuntimeError("in a worker"), ConnectionRefusedError()), True),
        (OSError(errno.ENOSPC, "full"), False),
        (FileNotFoundError(), False),
        (MissingError("no such drop"), False),
        (ValueError(), False),
    ],
)
def test_what_may_pass_by_itself(error: Exception, may_pass: bool) -> None:
    assert is_transient(error) == may_pass


def tried(fails: Callable[[int], None], settings: Settings) -> tuple[dg.ExecuteInProcessResult, int]:
    """An asset that calls `fails` with the number of the try; and how many tries there were."""
    tries = 0

    @dg.multi_asset(specs=[dg.AssetSpec("table")])
    @failing_in_words
    def table(settings: dg.ResourceParam[Settings]) -> Iterator[dg.MaterializeResult]:
        nonlocal tries
        tries += 1
        fails(tries)
        yield dg.MaterializeResult("table")

    with dg.DagsterInstance.ephemeral() as instance:
        result = dg.materialize(
            [table], instance=instance, resources={"settings": settings}, raise_on_error=False, run_config=QUIET
        )
    return result, tries


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setattr(failures, "_WAIT_SECONDS", 0)
    return load_settings(None)


def lost(error: Exception, until: int) -> Callable[[int], None]:
    def fails(number: int) -> None:
        if number < until:
            raise error

    return fails


def test_a_lost_worker_is_tried_again(settings: Settings) -> None:
    result, tries = tried(lost(WorkerCrashedError(), 3), settings)
    assert (result.success, tries) == (True, 3)
    result, tries = tried(lost(WorkerCrashedError(), 9), settings)
    assert (result.success, tries) == (False, 3)


def test_retries_are_a_setting(settings: Settings) -> None:
    none = replace(settings, operation=replace(settings.operation, retries=0))
    result, tries = tried(lost(WorkerCrashedError(), 2), none)
    assert (result.success, tries) == (False, 1)


def test_what_a_person_can_mend_fails_at_once_in_its_own_words(settings: Settings) -> None:
    result, tries = tried(lost(MissingError("no such drop; run `assay run`"), 2), settings)
    (event,) = [event for event in result.all_events if event.is_step_failure]
    assert tries == 1
    assert event.step_failure_data.user_failure_data is not None
    assert event.step_failure_data.user_failure_data.description == "no such drop; run `assay run`"


def test_a_fault_keeps_its_trace(settings: Settings) -> None:
    result, tries = tried(lost(KeyError("x"), 2), settings)
    (event,) = [event for event in result.all_events if event.is_step_failure]
    assert tries == 1
    error = event.step_failure_data.error
    assert error is not None
    assert error.cause is not None
    assert error.cause.cls_name == "KeyError"


def test_an_engine_that_was_left_in_mid_sentence_is_a_run_that_was_told_to_stop(settings: Settings) -> None:
    def fails(number: int) -> None:
        try:
            raise DagsterExecutionInterruptedError
        finally:
            raise ConnectionRefusedError("Java answers no more")

    result, tries = tried(fails, settings)
    (error,) = [event.step_failure_data.error for event in result.all_events if event.is_step_failure]
    assert tries == 1
    assert error is not None
    assert error.cls_name == "DagsterExecutionInterruptedError"
