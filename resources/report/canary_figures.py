"""What was found of the canaries of a version's drops, as its report shows it."""

from collections.abc import Mapping

from ops.gates.canary_facts import together
from ops.report.canary_data import CanaryRow, ChanceRow
from resources.gates.canaries import latest_canaries
from resources.lake.tables import Lake
from resources.versions.canary_chances import KnownChances

#: Drops that are shown, the last ones measured.
MOST_DELIVERIES = 20


def canary_figures(lake: Lake, drops: Mapping[str, str]) -> tuple[CanaryRow, ...]:
    """By fault, of the last MOST_DELIVERIES of these deliveries (delivery -> drop) that have canaries."""
    latest = list(latest_canaries(lake, drops.keys()).items())[-MOST_DELIVERIES:]
    rows = [CanaryRow(drops[name], outcome) for name, outcomes in latest for outcome in together(outcomes)]
    return tuple(sorted(rows, key=lambda row: row.outcome.fault))


def chance_figures(known: KnownChances, drops: Mapping[str, str]) -> tuple[ChanceRow, ...]:
    """By audit, of the last MOST_DELIVERIES of these deliveries (delivery -> drop) that have canaries."""
    rows: list[ChanceRow] = []
    for audit, of_delivery in sorted(known.items()):
        for delivery in [name for name in of_delivery if name in drops][-MOST_DELIVERIES:]:
            model, faults = of_delivery[delivery].model, of_delivery[delivery].suspicion.faults
            share = (model.share, model.low, model.high)
            rows.append(ChanceRow(drops[delivery], audit, faults, len(model.canaries), model.own, *share, model.why))
    return tuple(rows)
