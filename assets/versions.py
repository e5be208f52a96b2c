"""Measures become a version: a candidate is written, audited by its gate, and published; or rejected."""

from collections.abc import Iterator, Mapping

import dagster as dg

from assets.checks import check_result, table_of
from assets.lineage import versioned_from
from assets.partitions import ENGINES
from assets.specs import Materialized, table_asset
from assets.steps import step
from ops.audits.registry import all_audits
from ops.core.tables import TABLES
from resources.config.settings import Settings
from resources.engines.progress import Progress
from resources.gates.gates import candidate_gate
from resources.gates.history import earlier_candidates
from resources.lake.shares import rows_kept
from resources.lake.tables import Lake
from resources.measuring.corpus import corpus_identities
from resources.measuring.recorded import row_identities
from resources.models.encoder_source import encoder_identity
from resources.report.version_pictures import removed_sheet, version_history
from resources.versions.code_identity import code_identity
from resources.versions.entering import decided
from resources.versions.publishing import publish, reject

_OF_PERSONS = {
    "decisions": "What persons decided on examples (`assay review`); it outranks the rules in the versions after it.",
    "samples": "Stratified samples of versions for reviewers (`assay sample`), each example with its weight.",
    "labels": "What reviewers said of sampled examples (`assay calibrate`).",
    "calibrations": "What labels told of the rules: precision, recall, agreement and the rate of faults.",
}
of_persons = [
    table_asset(TABLES[name], description=text, group="review", kinds=set()) for name, text in _OF_PERSONS.items()
]

_GATE = "The candidate accounts for every example once, and removes no more than the limits of `gates` allow."
_TABLES = {
    "verdicts": "What is done with each example, its weight, and every reason.",
    "curated": "The members of the version and their weights; content is joined in at export.",
    "curriculum": "The order in which the members are to be learnt, by stage.",
    "versions": "The log of versions: which candidates were published or rejected, and what each one pins.",
}
_DEPS = {
    "verdicts": ["corpus", "examples", "decisions", *(audit.table.name for audit in all_audits().values())],
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
    check_specs=[dg.AssetCheckSpec("candidate_gate", asset="verdicts", description=_GATE, blocking=True)],
)
@step
def version(
    context: dg.AssetExecutionContext,
    lake: dg.ResourceParam[Lake],
    settings: dg.ResourceParam[Settings],
    progress: dg.ResourceParam[Progress],
) -> Iterator[Materialized]:
    """Judges every example of the deliveries that enter by the policy and gates the result.

    A candidate that fails its gate is recorded as rejected; the version published before stays current. The version
    pins what it is made without.
    """
    from resources.engines.tasks import tasks_for  # with Ray, which takes half a second to import
    from resources.versions.candidates import build_candidate

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
    earlier = earlier_candidates(lake, made.version)
    checks = {"verdicts": [check_result(gate, asset="verdicts", check="candidate_gate", earlier=earlier)]}
    lineage = versioned_from(settings)
    drawn = {"verdicts": _drawn(lake, made.version)}
    for table in _TABLES:
        if gate.success or table != "versions":
            where = {} if table == "versions" else {"version": made.version}
            rows = {"dagster/row_count": sum(part.rows for part in lake.parts(TABLES[table], where=where))}
            described = {**metadata, **rows, **lineage.get(table, {}), **drawn.get(table, {})}
            yield dg.MaterializeResult(asset_key=table, metadata=described, check_results=checks.get(table, []))


def _drawn(lake: Lake, version: int) -> Mapping[str, dg.MetadataValue | float]:
    """What the UI draws of the version: figures over time, the versions before it, and what it leaves out."""
    history = version_history(lake, version)
    figures = {name: float(history[0][name]) for name in ("visual share", "contradictory share")}
    sheet = removed_sheet(lake, version)
    pictures = {"left out, worst first": dg.MetadataValue.md(sheet)} if sheet else {}
    return {**figures, "history": table_of(history), **pictures}
