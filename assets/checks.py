"""A gate's verdict as Dagster shows it."""

import dagster as dg

from resources.gates import GateResult


def check_result(gate: GateResult, *, asset: str, check: str) -> dg.AssetCheckResult:
    """The asset check of that name, with the gate's figures as its metadata."""
    return dg.AssetCheckResult(
        asset_key=asset,
        check_name=check,
        passed=gate.success,
        severity=dg.AssetCheckSeverity.ERROR,
        description=gate.message,
        metadata=gate.metadata(),
    )
