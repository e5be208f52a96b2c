"""Row-wise audits: one asset an audit, all measured in one pass over a delivery. Found by the registry."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import partial
from typing import TypeAlias

import dagster as dg

from assets.canaries import ASSET, canaries, canaries_asset, canary_checks, checks_of_canaries
from assets.checks import NEVER, PROMISES, by_drop, check_result
from assets.drop_runs import Event, Made, each_drop
from assets.embeddings import embedded, embeddings_asset, throughput_check
from assets.events import traced
from assets.lineage import measured_from
from assets.partitions import ENGINES, drops
from assets.specs import audit_asset
from assets.steps import part
from ops.audits.contract import Audit
from ops.audits.registry import all_audits
from resources.config.settings import Settings
from resources.engines.progress import Advance, Progress
from resources.gates.gates import GateResult, example_keys, measures_gate
from resources.gates.history import earlier_measures
from resources.gates.outcomes import record_gates, recorded_gates
from resources.intake.corpus_drops import admitted_delivery
from resources.lake.tables import Lake
from resources.measuring.recorded import require_measures, row_audits, row_identities
from resources.models.encode_workers import release_encoder
from resources.models.encoder_source import encoder_identity
from resources.report.measure_pictures import measure_pictures

_READS = ["examples", "embeddings"]
#: Audit by asset, in order of names.
MEASURES = {audit.table.name: audit.name for audit in row_audits()}
CHECK = "measures_gate"
Metadata: TypeAlias = str | int | dg.MarkdownMetadataValue | dg.TableColumnLineage


@dg.multi_asset(
    name="row_measures",
    pool=ENGINES,
    specs=[
        embeddings_asset(),
        *(audit_asset(audit, group="measures", deps=_READS, kinds={"ray"}) for audit in row_audits()),
        canaries_asset(),
    ],
    check_specs=[
        throughput_check(),
        *(by_drop(CHECK, table, description=PROMISES) for table in MEASURES),
        *canary_checks(),
    ],
    partitions_def=drops,
    backfill_policy=dg.BackfillPolicy.single_run(),
    can_subset=True,
)
def row_measures(
    context: dg.AssetExecutionContext,
    lake: dg.ResourceParam[Lake],
    settings: dg.ResourceParam[Settings],
    progress: dg.ResourceParam[Progress],
) -> Iterator[Event]:
    """Embeds and measures each drop of the run. They are one step, so that of a backfill of many drops a drop that
    fails in one of both is missing in the other, and no other drop is."""
    try:
        yield from each_drop(context, lambda drop: _embedded_and_measured(context, drop, lake, settings, progress))
    finally:
        release_encoder()  # it served all of them; what comes next in this process wants the memory


@traced
def _embedded_and_measured(
    context: dg.AssetExecutionContext, drop: str, lake: Lake, settings: Settings, progress: Progress
) -> Iterator[Made]:
    yield from embedded(context, drop, lake, settings, progress)
    yield from _measured(context, drop, lake, settings, progress)


@part
def _measured(
    context: dg.AssetExecutionContext, drop: str, lake: Lake, settings: Settings, progress: Progress
) -> Iterator[Made]:
    """Measures the drop's last admitted delivery with every selected audit, and keeps what each gate says of it.

    What was measured and judged before is not judged again under the same limits. Where only checks are selected, as by
    the Execute button of one, what is stored is judged and nothing is measured.
    """
    chosen = [name for table, name in MEASURES.items() if dg.AssetKey(table) in context.selected_asset_keys]
    checked = [name for table, name in MEASURES.items() if _check_of(table) in context.selected_asset_check_keys]
    flies = ASSET in context.selected_asset_keys
    if not (chosen or checked or flies or checks_of_canaries(context)):
        return
    delivery = admitted_delivery(lake, drop)
    encoder = encoder_identity(settings.encoder)
    rows: dict[str, int] = {}
    if chosen or flies:
        from resources.engines.ray import plan_ray  # with Ray, which takes half a second to import
        from resources.measuring.delivery import measure_delivery

        plan_ray(settings.ray, lake)
        measure = partial(measure_delivery, settings=settings, encoder=encoder, progress=progress, canaries=flies)
        rows = measure(lake, delivery, names=chosen)
    identities = row_identities(settings, encoder)
    # A run that measures without checking keeps the outcome all the same: what enters a version hangs on it.
    judged = {name: identities[name] for name in MEASURES.values() if name in {*chosen, *checked}}
    gates = _gates(lake, delivery, judged, set(chosen) - rows.keys(), settings=settings, progress=progress)
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
    yield from canaries(context, drop, lake, delivery, settings)


def _gates(
    lake: Lake,
    delivery: str,
    judged: Mapping[str, str],
    there: Collection[str],
    *,
    settings: Settings,
    progress: Progress,
) -> dict[str, GateResult]:
    """What the gates of these audits (with their identities) say, which is kept; of measures that were `there` before,
    what they said then."""
    require_measures(lake, delivery, judged)
    before = {name: judged[name] for name in there}
    known = recorded_gates(lake, delivery, identities=before, settings=settings.gates)
    with progress.track("Check the measures", len(judged)) as advance:
        advance(len(known))
        judging = [name for name in judged if name not in known]
        gates = known | _gated(lake, delivery, judging, identities=judged, settings=settings, advance=advance)
    record_gates(lake, delivery, gates, identities=judged, settings=settings.gates)
    return gates


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
