"""What was found of the canaries of a version's drops, as its report shows it."""

from collections.abc import Mapping

from ops.chances.known_faults import FaultModel
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
    """By audit, of the last MOST_DELIVERIES of these deliveries (delivery -> drop) of which something is told."""
    rows: list[ChanceRow] = []
    for audit, of_delivery in sorted(known.items()):
        for delivery in [name for name in of_delivery if name in drops][-MOST_DELIVERIES:]:
            chances = of_delivery[delivery]
            model, faults = chances.model, chances.suspicion.faults
            share = (model.share, model.low, model.high)
            canaries = len(model.canaries) if isinstance(model, FaultModel) else 0
            about = (drops[delivery], audit, faults, canaries, model.own)
            rows.append(ChanceRow(*about, *share, model.why, chances.correcting, chances.suspicion.unit))
    return tuple(rows)
