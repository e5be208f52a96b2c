"""A gate's verdict as Dagster shows it."""

import warnings

import dagster as dg

from assets.partitions import drops
from resources.gates.gates import GateResult


def by_drop(name: str, asset: str, *, blocking: bool = True) -> dg.AssetCheckSpec:
    """A check that is judged for each drop, so that one drop that passes hides no other that failed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.PreviewWarning)
        return dg.AssetCheckSpec(name, asset=asset, blocking=blocking, partitions_def=drops)


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
