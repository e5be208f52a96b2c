"""What a run's record says of an error: whose it is, and in which words."""

from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pyarrow as pa
import pytest

from ops.core.errors import UnusableError
from pipelines.execution import Outcome, _execute
from pipelines.run_command import status_of


def outcome_of(fail: Callable[[], None]) -> Outcome:
    """What comes of a job whose one step does that."""

    @dg.asset
    def failing() -> None:
        fail()

    definitions = dg.Definitions(assets=[failing], jobs=[dg.define_asset_job("job")])
    with dg.DagsterInstance.ephemeral() as instance:
        return _execute(definitions, instance, "job")


def misspell() -> None:
    _ = {}["typo_of_a_programmer"]


def misspell_twice() -> None:
    try:
        misspell()
    except KeyError as error:
        raise ValueError("x") from error


def explain() -> None:
    try:
        pa.array(["x"]).cast(pa.int64())
    except pa.ArrowInvalid as error:
        raise UnusableError("drop a: x is no number; mend it") from error


def miss() -> None:
    Path("/no/such/file").read_bytes()


@pytest.mark.parametrize(
    ("fail", "fault", "words"),
    [
        (misspell, True, "KeyError: 'typo_of_a_programmer'"),
        (misspell_twice, True, "KeyError: 'typo_of_a_programmer'"),
        (explain, False, "drop a: x is no number; mend it"),
        (miss, False, "[Errno 2] No such file or directory: '/no/such/file'"),
    ],
)
def test_whose_error_it_is(fail: Callable[[], None], fault: bool, words: str) -> None:
    outcome = outcome_of(fail)
    assert (outcome.success, outcome.fault, outcome.error) == (False, fault, words)
    assert fail.__name__ in (outcome.stack or "")
    assert status_of([outcome]) == (3 if fault else 1)


def test_a_step_that_works_is_no_fault() -> None:
    outcome = outcome_of(lambda: None)
    assert (outcome.success, outcome.fault, outcome.error, status_of([outcome])) == (True, False, None, 0)
