"""Row-wise audits: one asset an audit, all measured in one pass over a delivery. Found by the registry."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from typing import TypeAlias

import dagster as dg

from assets.checks import NEVER, PROMISES, by_drop, check_result, table_of
from assets.lineage import measured_from
from assets.partitions import ENGINES, drops
from assets.specs import Materialized, audit_asset, table_asset
from assets.steps import step
from ops.audits.contract import Audit
from ops.audits.registry import all_audits
from ops.core.measure_schemas import CANARIES
from ops.gates.canary_facts import together
from resources.config.settings import Settings
from resources.engines.progress import Advance, Progress
from resources.engines.ray import plan_ray
from resources.gates.canaries import canary_gates, latest_canaries
from resources.gates.gates import GateResult, example_keys, measures_gate
from resources.gates.history import earlier_measures
from resources.gates.outcomes import record_gates, recorded_gates
from resources.intake.corpus_drops import admitted_delivery
from resources.lake.tables import Lake
from resources.measuring.delivery import measure_delivery
from resources.measuring.recorded import require_measures, row_audits, row_identities
from resources.models.encoder_source import encoder_identity
from resources.report.measure_pictures import measure_pictures

_READS = ["examples", "embeddings"]
_CANARY_WORDS = (
    "What audits find of a delivery's canaries: some of its own rows, damaged in memory in ways that are known, "
    "measured and judged beside sound ones, and stored nowhere. By fault and audit: planted, caught, own rows flagged "
    "beside them."
)
#: Audit by asset, in order of names.
MEASURES = {audit.table.name: audit.name for audit in row_audits()}
CHECK = "measures_gate"
CANARY_CHECK, FALL_CHECK = "canaries_gate", "canaries_fall"
#: What the checks of canaries ask for. They hold no step back: too few found keep the drop out of the next version.
_ASKED = {
    CANARY_CHECK: "Of each kind of fault, the share of canaries that gates.least_recall asks for is found.",
    FALL_CHECK: "Of each kind of fault, no fewer canaries are found than in the deliveries before; a warning.",
}
_CANARY_CHECKS = [by_drop(name, CANARIES.name, description=asked, blocking=False) for name, asked in _ASKED.items()]
Metadata: TypeAlias = str | int | dg.MarkdownMetadataValue | dg.TableColumnLineage


@dg.multi_asset(
    name="row_measures",
    pool=ENGINES,
    specs=[
        *(audit_asset(audit, group="measures", deps=_READS, kinds={"ray"}) for audit in row_audits()),
        table_asset(CANARIES, description=_CANARY_WORDS, group="measures", kinds={"ray"}, deps=_READS, skippable=True),
    ],
    check_specs=[*(by_drop(CHECK, table, description=PROMISES) for table in MEASURES), *_CANARY_CHECKS],
    partitions_def=drops,
    can_subset=True,
)
@step
def row_measures(
    context: dg.AssetExecutionContext,
    lake: dg.ResourceParam[Lake],
    settings: dg.ResourceParam[Settings],
    progress: dg.ResourceParam[Progress],
) -> Iterator[Materialized | dg.AssetCheckResult]:
    """Measures the drop's last admitted delivery with every selected audit, and keeps what each gate says of it.

    What was measured and judged before is not judged again under the same limits. Where only checks are selected, as by
    the Execute button of one, what is stored is judged and nothing is measured.
    """
    chosen = [name for table, name in MEASURES.items() if dg.AssetKey(table) in context.selected_asset_keys]
    checked = [name for table, name in MEASURES.items() if _check_of(table) in context.selected_asset_check_keys]
    delivery = admitted_delivery(lake, context.partition_key)
    encoder = encoder_identity(settings.encoder)
    rows: dict[str, int] = {}
    flies = dg.AssetKey(CANARIES.name) in context.selected_asset_keys
    if chosen or flies:
        plan_ray(settings.ray, lake)
        measure = partial(measure_delivery, settings=settings, encoder=encoder, progress=progress, canaries=flies)
        rows = measure(lake, delivery, names=chosen)
    identities = row_identities(settings, encoder)
    # A run that measures without checking keeps the outcome all the same: what enters a version hangs on it.
    judged = [name for name in MEASURES.values() if name in {*chosen, *checked}]
    require_measures(lake, delivery, {name: identities[name] for name in judged})
    there = {name: identities[name] for name in chosen if name not in rows}
    known = recorded_gates(lake, delivery, identities=there, settings=settings.gates)
    with progress.track("Check the measures", len(judged)) as advance:
        advance(len(known))
        judging = [name for name in judged if name not in known]
        gates = known | _gated(lake, delivery, judging, identities=identities, settings=settings, advance=advance)
    record_gates(lake, delivery, gates, identities=identities, settings=settings.gates)
    for name in chosen:
        audit = all_audits()[name]
        metadata = _metadata(lake, audit, delivery, identities[name]) | {"rows measured now": rows.get(name, 0)}
        if drawn := measure_pictures(lake, audit, delivery, identity=identities[name], settings=settings):
            metadata["distribution"] = dg.MetadataValue.md(drawn)
        yield dg.MaterializeResult(asset_key=audit.table.name, metadata=metadata)
    earlier = earlier_measures(lake, delivery) if checked else {}
    for name in checked:
        table = all_audits()[name].table.name
        yield check_result(gates[name], asset=table, check=CHECK, earlier=earlier.get(name, NEVER))
    yield from _canaries(context, lake, delivery, settings)


def _canaries(
    context: dg.AssetExecutionContext, lake: Lake, delivery: str, settings: Settings
) -> Iterator[Materialized | dg.AssetCheckResult]:
    """What was found of the delivery's canaries, where it has any, and what the gates say of it, as far as selected."""
    latest = latest_canaries(lake)
    outcomes = latest.get(delivery, [])
    if outcomes and dg.AssetKey(CANARIES.name) in context.selected_asset_keys:
        recalls = {f"recall of {made.fault}": made.caught / made.planted for made in together(outcomes)}
        metadata = {"delivery": delivery, "canaries": table_of([asdict(made) for made in outcomes]), **recalls}
        yield dg.MaterializeResult(asset_key=CANARIES.name, metadata=metadata)
    wanted = {key.name for key in context.selected_asset_check_keys if key.asset_key == dg.AssetKey(CANARIES.name)}
    if not wanted:
        return
    drop, history = context.partition_key, lake.storage
    recall, steady = canary_gates(latest, delivery, drop=drop, settings=settings.gates, history=history)
    if CANARY_CHECK in wanted:
        yield check_result(recall, asset=CANARIES.name, check=CANARY_CHECK)
    if FALL_CHECK in wanted:
        warn = dg.AssetCheckSeverity.WARN
        yield check_result(steady, asset=CANARIES.name, check=FALL_CHECK, severity=warn)


def _metadata(lake: Lake, audit: Audit, delivery: str, identity: str) -> dict[str, Metadata]:
    stored = lake.parts(audit.table, where={"delivery": delivery, "identity": identity})
    return {
        **measured_from(audit),
        "delivery": delivery,
        "identity": identity,
        "dagster/partition_row_count": sum(part.rows for part in stored),
    }


def _check_of(table: str) -> dg.AssetCheckKey:
    return dg.AssetCheckKey(dg.AssetKey(table), CHECK)


def _gated(
    lake: Lake,
    delivery: str,
    names: Sequence[str],
    *,
    identities: Mapping[str, str],
    settings: Settings,
    advance: Advance,
) -> dict[str, GateResult]:
    examples = example_keys(lake, [delivery]) if names else None
    gates: dict[str, GateResult] = {}
    for name in names:
        gates[name] = measures_gate(
            lake,
            all_audits()[name],
            deliveries=[delivery],
            identity=identities[name],
            settings=settings.gates,
            examples=examples,
        )
        advance(1)
    return gates
