"""Megatron-Energon, with crude samples and a decoder of pictures. What a sample becomes is up to the task encoder of
the training, so that tokens, lengths, roles and placeholders are not forecast: a row is `read` where Energon hands
it over, with its pictures decoded by Pillow. A sample whose picture does not decode is *left out* with a trace in
the log (`global_error_handler`, `log_exception` unless told otherwise); after 100 failures in a row the run stops.
`on_failure: crash` is the handler `reraise_exception`: the first such sample stops the run."""

from dataclasses import replace

from ops.preflight.contract import Carries, Family, Forecast, Layout, Outcome, Row, Trainer
from ops.preflight.layout import failing_picture
from ops.preflight.limits import Limits
from ops.preflight.settling import whole


def lay_out(row: Row, limits: Limits, family: Family) -> Layout | Forecast:
    """Whether the row's pictures decode; nothing is laid out."""
    failure = failing_picture(row)
    if failure is None:
        return Forecast(outcome=Outcome.READ)
    if failure.outcome is Outcome.UNKNOWN or limits.on_failure == "crash":
        return failure
    return replace(failure, outcome=Outcome.DROPPED)


TRAINER = Trainer(
    name="megatron-energon",
    title="Megatron-Energon",
    version="7.4.1",
    lay_out=lay_out,
    settle=lambda counted, limits: whole(counted),
    carries=Carries(),
    ignores_tools=True,
    failures=("drop", "crash"),
)
