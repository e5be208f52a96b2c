"""Forecasts of a stream of rows, counted: what happens to how many of them, with a few examples."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from ops.preflight.contract import Forecast, Outcome, Row
from ops.preflight.reasons import REASONS, fix_of

MOST_EXAMPLES = 3
"""Examples that are kept of each outcome and reason."""


@dataclass(frozen=True, slots=True)
class Example:
    """A row to look at: its id, where it came from, and the numbers."""

    row_id: str
    origin: str
    detail: str


@dataclass(slots=True)
class Tally:
    """Rows with the same outcome for the same reason."""

    outcome: Outcome
    reason: str
    rows: int = 0
    tokens_lost: int = 0
    answer_tokens_lost: int = 0
    image_tokens_lost: int = 0
    examples: list[Example] = field(default_factory=list)

    @property
    def says(self) -> str:
        """The reason in words, to go after "the row"."""
        return REASONS[self.reason].says if self.reason else "is read as it stands"

    @property
    def fix(self) -> str:
        """What to do about it."""
        return fix_of(self.reason)


class Tallies:
    """Counts forecasts; its size depends on the number of different reasons alone."""

    def __init__(self) -> None:
        self._by: dict[tuple[Outcome, str], Tally] = {}
        self.rows = 0

    def add(self, rows: Iterable[Row], forecasts: Iterable[Forecast], origins: Iterable[str]) -> None:
        """Counts some rows, each with its forecast and with where it came from."""
        for row, forecast, origin in zip(rows, forecasts, origins, strict=True):
            key = (forecast.outcome, forecast.reason)
            tally = self._by.setdefault(key, Tally(*key))
            self.rows += 1
            tally.rows += 1
            tally.tokens_lost += forecast.tokens_lost
            tally.answer_tokens_lost += forecast.answer_tokens_lost
            tally.image_tokens_lost += forecast.image_tokens_lost
            if len(tally.examples) < MOST_EXAMPLES:
                tally.examples.append(Example(row.row_id, origin, forecast.detail))

    def worst_first(self) -> list[Tally]:
        """The tallies, the worst outcomes first and among them the most frequent."""
        order = list(Outcome)
        return sorted(self._by.values(), key=lambda tally: (-order.index(tally.outcome), -tally.rows, tally.reason))
