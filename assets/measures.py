"""Row-wise audits: one asset an audit, all measured in one pass over a delivery. Found by the registry."""

from collections.abc import Iterator

import dagster as dg

from assets.checks import check_result
from assets.partitions import drops
from ops.audits.registry import all_audits
from resources.admission import admitted_delivery
from resources.cluster import start_ray
from resources.encoder_source import encoder_identity
from resources.gates import measures_gate
from resources.lake import Lake
from resources.measuring import measure_delivery, record_failure, row_audits, row_identities
from resources.progress import Progress
from resources.settings import Settings


def audit_spec(name: str, *, group: str, deps: list[str], kinds: set[str]) -> dg.AssetSpec:
    """The asset of an audit's measures; its page is the docstring of the audit's module."""
    audit = all_audits()[name]
    return dg.AssetSpec(
        audit.table.name,
        deps=deps,
        group_name=group,
        description=audit.page,
        kinds=kinds | {"deltalake"},
        metadata={"grain": audit.grain.value, "scope": audit.scope.value, "revision": audit.revision},
    )


#: Audit by asset, in order of names.
MEASURES = {audit.table.name: audit.name for audit in row_audits()}


@dg.multi_asset(
    name="row_measures",
    specs=[
        audit_spec(name, group="measures", deps=["examples", "embeddings"], kinds={"ray"}) for name in MEASURES.values()
    ],
    check_specs=[dg.AssetCheckSpec("measures_gate", asset=table, blocking=True) for table in MEASURES],
    partitions_def=drops,
    can_subset=True,
)
def row_measures(
    context: dg.AssetExecutionContext,
    lake: dg.ResourceParam[Lake],
    settings: dg.ResourceParam[Settings],
    progress: dg.ResourceParam[Progress],
) -> Iterator[dg.MaterializeResult]:
    """Measures the drop's last admitted delivery with every selected audit."""
    names = [name for table, name in MEASURES.items() if dg.AssetKey(table) in context.selected_asset_keys]
    delivery = admitted_delivery(lake, context.partition_key)
    encoder = encoder_identity(settings.encoder)
    start_ray(num_cpus=settings.ray.num_cpus, object_store_bytes=settings.ray.object_store_mb * 10**6)
    rows = measure_delivery(lake, delivery, names=names, settings=settings, encoder=encoder, progress=progress)
    identities = row_identities(settings, encoder)
    for name in names:
        table = all_audits()[name].table.name
        gate = measures_gate(
            lake, all_audits()[name], deliveries=[delivery], identity=identities[name], settings=settings.gates
        )
        if not gate.success:
            record_failure(lake, all_audits()[name], delivery=delivery, identity=identities[name], gates=settings.gates)
        yield dg.MaterializeResult(
            asset_key=table,
            metadata={"delivery": delivery, "identity": identities[name], "rows measured now": rows.get(name, 0)},
            check_results=[check_result(gate, asset=table, check="measures_gate")],
        )
