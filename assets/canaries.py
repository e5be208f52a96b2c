"""What audits find of a drop's canaries, and what the gates say of it: made beside the drop's measures."""

from collections.abc import Iterator
from dataclasses import asdict

import dagster as dg

from assets.checks import by_drop, check_result, table_of
from assets.drop_runs import Made
from assets.specs import table_asset
from ops.core.measure_schemas import CANARIES
from ops.gates.canary_facts import together
from resources.config.settings import Settings
from resources.gates.canaries import canary_gates, latest_canaries
from resources.lake.tables import Lake

ASSET = dg.AssetKey(CANARIES.name)
CANARY_CHECK, FALL_CHECK = "canaries_gate", "canaries_fall"
#: What the checks of canaries ask for. They hold no step back: too few found keep the drop out of the next version.
_ASKED = {
    CANARY_CHECK: "Of each kind of fault, the share of canaries that gates.least_recall asks for is found.",
    FALL_CHECK: "Of each kind of fault, no fewer canaries are found than in the deliveries before; a warning.",
}
_WORDS = (
    "What audits find of a delivery's canaries: some of its own rows, damaged in memory in ways that are known, "
    "measured and judged beside sound ones, and stored nowhere. By fault and audit: planted, caught, own rows flagged "
    "beside them."
)


def canaries_asset() -> dg.AssetSpec:
    """The asset of what was found of canaries."""
    return table_asset(
        CANARIES,
        description=_WORDS,
        group="measures",
        kinds={"ray"},
        deps=["examples", "embeddings"],
        skippable=True,
    )


def canary_checks() -> list[dg.AssetCheckSpec]:
    """The checks of what was found of a drop's canaries."""
    return [by_drop(name, CANARIES.name, description=asked, blocking=False) for name, asked in _ASKED.items()]


def checks_of_canaries(context: dg.AssetExecutionContext) -> set[str]:
    """Those that are selected."""
    return {key.name for key in context.selected_asset_check_keys if key.asset_key == ASSET}


def canaries(
    context: dg.AssetExecutionContext, drop: str, lake: Lake, delivery: str, settings: Settings
) -> Iterator[Made]:
    """What was found of the delivery's canaries, where it has any, and what the gates say of it, as far as selected."""
    latest = latest_canaries(lake)
    outcomes = latest.get(delivery, [])
    if outcomes and ASSET in context.selected_asset_keys:
        recalls = {f"recall of {made.fault}": made.caught / made.planted for made in together(outcomes)}
        metadata = {"delivery": delivery, "canaries": table_of([asdict(made) for made in outcomes]), **recalls}
        yield dg.MaterializeResult(asset_key=ASSET, metadata=metadata)
    wanted = checks_of_canaries(context)
    if not wanted:
        return
    recall, steady = canary_gates(latest, delivery, drop=drop, settings=settings.gates, history=lake.storage)
    if CANARY_CHECK in wanted:
        yield check_result(recall, asset=CANARIES.name, check=CANARY_CHECK)
    if FALL_CHECK in wanted:
        warn = dg.AssetCheckSeverity.WARN
        yield check_result(steady, asset=CANARIES.name, check=FALL_CHECK, severity=warn)
