"""How much of each kind of fault was found among a delivery's canaries, as a table of facts for the gates."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

import pyarrow as pa

from ops.canaries.outcome import ANY, CanaryOutcome
from ops.core.accuracy import wilson

FACTS = pa.schema(
    [
        ("fault", pa.string()),
        ("planted", pa.int64()),
        ("caught", pa.int64()),
        ("recall", pa.float64()),
        ("recall_high", pa.float64()),  # upper end of its 95 % interval
        ("earlier_recall", pa.float64()),  # of all canaries of the deliveries before; null where there are none
        ("earlier_low", pa.float64()),  # lower end of its 95 % interval; 0 where there are none
    ]
)


def canary_facts(outcomes: Sequence[CanaryOutcome], earlier: Sequence[Sequence[CanaryOutcome]]) -> pa.Table:
    """A row a fault of which canaries were planted, by what any of the audits found of them; `earlier` are the outcomes
    of other deliveries."""
    before: dict[str, list[CanaryOutcome]] = defaultdict(list)
    for outcome in (outcome for delivery in earlier for outcome in together(delivery)):
        before[outcome.fault].append(outcome)
    rows = [_facts(outcome, before[outcome.fault]) for outcome in together(outcomes)]
    return pa.Table.from_pylist(rows, schema=FACTS)


def together(outcomes: Sequence[CanaryOutcome]) -> list[CanaryOutcome]:
    """Those of all audits together, of faults that were planted."""
    return [outcome for outcome in outcomes if outcome.audit == ANY and outcome.planted]


def too_few_found(outcomes: Sequence[CanaryOutcome], least_recall: Mapping[str, float]) -> list[CanaryOutcome]:
    """Of these, those whose recall lies, with its whole interval, below the least that is asked for its fault."""
    return [outcome for outcome in together(outcomes) if outcome.recall_high < least_recall.get(outcome.fault, 0.0)]


def _facts(outcome: CanaryOutcome, earlier: Sequence[CanaryOutcome]) -> dict[str, object]:
    planted, caught = sum(before.planted for before in earlier), sum(before.caught for before in earlier)
    share = caught / planted if planted else None
    return {
        "fault": outcome.fault,
        "planted": outcome.planted,
        "caught": outcome.caught,
        "recall": outcome.caught / outcome.planted,
        "recall_high": outcome.recall_high,
        "earlier_recall": share,
        "earlier_low": wilson(share or 0.0, planted)[0],
    }
