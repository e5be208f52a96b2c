"""Measures become a version: a candidate is written, audited by its gate, and published; or rejected."""

from collections.abc import Iterator

import dagster as dg

from assets.checks import check_result
from assets.failures import failing_in_words
from assets.partitions import ENGINES
from assets.specs import table_asset
from ops.audits.registry import all_audits
from ops.core.schemas import TABLES
from resources.config.settings import Settings
from resources.engines.progress import Progress
from resources.engines.tasks import tasks_for
from resources.gates.gates import candidate_gate
from resources.lake.shares import rows_kept
from resources.lake.tables import Lake
from resources.measuring.corpus import corpus_identities
from resources.measuring.recorded import row_identities
from resources.models.encoder_source import encoder_identity
from resources.versions.candidates import build_candidate
from resources.versions.code_identity import code_identity
from resources.versions.entering import decided
from resources.versions.publishing import publish, reject

_TABLES = {
    "verdicts": "What is done with each example, its weight, and every reason.",
    "curated": "The members of the version and their weights; content is joined in at export.",
    "curriculum": "The order in which the members are to be learnt, by stage.",
    "versions": "The log of versions: which candidates were published or rejected, and what each one pins.",
}
_DEPS = {
    "verdicts": ["corpus", "examples", *(audit.table.name for audit in all_audits().values())],
    "versions": ["curated", "curriculum", "examples", "drops"],
}


@dg.multi_asset(
    name="version",
    pool=ENGINES,
    specs=[
        table_asset(
            TABLES[name],
            deps=_DEPS.get(name, ["verdicts"]),
            description=text,
            group="version",
            kinds=set(),
            skippable=name == "versions",
        )
        for name, text in _TABLES.items()
    ],
    check_specs=[dg.AssetCheckSpec("candidate_gate", asset="verdicts", blocking=True)],
)
@failing_in_words
def version(
    context: dg.AssetExecutionContext,
    lake: dg.ResourceParam[Lake],
    settings: dg.ResourceParam[Settings],
    progress: dg.ResourceParam[Progress],
) -> Iterator[dg.MaterializeResult]:
    """Judges every example of the deliveries that enter by the policy and gates the result.

    A candidate that fails its gate is recorded as rejected; the version published before stays current. The version
    pins what it is made without.
    """
    encoder = encoder_identity(settings.encoder)
    entering = decided(lake, settings=settings, encoder=encoder)
    deliveries = entering.deliveries
    made = build_candidate(
        lake,
        deliveries=deliveries,
        measures=row_identities(settings, encoder) | corpus_identities(settings, deliveries, encoder),
        settings=settings,
        code=code_identity(),
        encoder=encoder,
        progress=progress,
        left_out=entering.left_out,
    )
    context.instance.add_run_tags(context.run.run_id, {"assay/version": str(made.version)})
    tasks = tasks_for(sum(rows_kept(lake, deliveries).values()), lake)
    gate = candidate_gate(lake, made.version, deliveries=deliveries, settings=settings.gates, tasks=tasks)
    (publish if gate.success else reject)(lake, made, gate.results)
    left_out = [one.line for one in entering.left_out]
    metadata = {"version": made.version, "made now": made.fresh, "left out": left_out, **made.counts}
    checks = {"verdicts": [check_result(gate, asset="verdicts", check="candidate_gate")]}
    for table in _TABLES:
        if gate.success or table != "versions":
            where = {} if table == "versions" else {"version": made.version}
            rows = {"dagster/row_count": sum(part.rows for part in lake.parts(TABLES[table], where=where))}
            yield dg.MaterializeResult(asset_key=table, metadata=metadata | rows, check_results=checks.get(table, []))
