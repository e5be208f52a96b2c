"""What was found of the canaries of a version's drops, as its report shows it."""

from collections.abc import Mapping

from ops.gates.canary_facts import together
from ops.report.data import CanaryRow
from resources.gates.canaries import latest_canaries
from resources.lake.tables import Lake

#: Drops that are shown, the last ones measured.
MOST_DELIVERIES = 20


def canary_figures(lake: Lake, drops: Mapping[str, str]) -> tuple[CanaryRow, ...]:
    """By fault, of the last MOST_DELIVERIES of these deliveries (delivery -> drop) that have canaries."""
    latest = list(latest_canaries(lake, drops.keys()).items())[-MOST_DELIVERIES:]
    rows = [CanaryRow(drops[name], outcome) for name, outcomes in latest for outcome in together(outcomes)]
    return tuple(sorted(rows, key=lambda row: row.outcome.fault))
