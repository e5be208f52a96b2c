"""What the report shows of canaries."""

from dataclasses import dataclass

from ops.canaries.outcome import CanaryOutcome


@dataclass(frozen=True, slots=True)
class CanaryRow:
    """What was found of a drop's canaries with a fault, by all audits together."""

    drop: str
    outcome: CanaryOutcome


@dataclass(frozen=True, slots=True)
class ChanceRow:
    """The share of a drop's `own` rows that have one of an audit's faults, with its 95 % interval, as the scores of its
    `canaries` tell (ops/canaries/chances.py); `why` they tell nothing is empty where they do. `labels` correct what is
    told of single rows; 0 where they tell nothing. Where p-values tell, `own` counts what has one, the `unit`."""

    drop: str
    audit: str
    faults: tuple[str, ...]
    canaries: int
    own: int
    share: float
    low: float
    high: float
    why: str
    labels: int
    unit: str | None = None
