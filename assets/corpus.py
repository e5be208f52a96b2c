"""Audits of the whole corpus, over the deliveries that enter the next version: one asset an audit, on Spark."""

from collections.abc import Iterator, Sequence
from functools import partial

import dagster as dg

from assets.checks import PROMISES, check_result
from assets.lineage import measured_from
from assets.partitions import ENGINES
from assets.specs import CODE, Materialized, audit_asset, table_metadata
from assets.steps import step
from ops.audits.contract import Audit, Scope
from ops.audits.registry import audits_of
from ops.core.measure_schemas import CONTRADICTION_RATES, MODALITY_STATISTICS
from ops.core.schemas import TableSpec
from ops.core.tables import TABLES
from resources.config.settings import Settings
from resources.engines.progress import Progress
from resources.engines.spark import start_spark
from resources.gates.gates import GateResult, measures_gate
from resources.lake.shares import rows_kept
from resources.lake.tables import Lake
from resources.measuring.corpus import (
    StartSpark,
    corpus_identities,
    count_modality,
    measure_corpus,
    rate_contradictions,
)
from resources.measuring.recorded import row_audits, row_identities
from resources.models.encoder_source import encoder_identity
from resources.versions.entering import Entering, decided


@dg.multi_asset(
    name="corpus",
    specs=[
        dg.AssetSpec(
            "corpus",
            deps=["drops", *(audit.table.name for audit in row_audits())],
            group_name="corpus",
            description="The deliveries that the next version is made of, and what is left out of it, by whom and why.",
            skippable=True,
        )
    ],
)
@step
def corpus(
    context: dg.AssetExecutionContext, lake: dg.ResourceParam[Lake], settings: dg.ResourceParam[Settings]
) -> Iterator[Materialized]:
    """Decides what enters the next version, before Spark works. Where nothing does, every later step is skipped."""
    entering = entering_now(lake, settings)
    for part in entering.left_out:
        context.log.warning(f"left out: {part.line}")
    if not entering.deliveries:
        context.log.warning("no drop enters the next version, so none is made")
        return
    left_out = [part.line for part in entering.left_out]
    yield dg.MaterializeResult(metadata={"deliveries": list(entering.deliveries), "left out": left_out})


def entering_now(lake: Lake, settings: Settings) -> Entering:
    """What enters the next version, as things stand."""
    return decided(lake, settings=settings, encoder=encoder_identity(settings.encoder))


def spark_for(lake: Lake, settings: Settings, deliveries: Sequence[str]) -> StartSpark:
    """Starts Spark for a corpus of these deliveries."""
    return partial(start_spark, settings.spark.sized(sum(rows_kept(lake, deliveries).values())))


def _corpus_measures(audit: Audit) -> dg.AssetsDefinition:
    table = audit.table.name

    @dg.multi_asset(
        name=f"corpus_{audit.name}",
        pool=ENGINES,
        specs=[
            audit_asset(
                audit,
                group="corpus",
                deps=[*(name for name in audit.sources if name in TABLES), "corpus"],
                kinds={"spark"},
            )
        ],
        check_specs=[dg.AssetCheckSpec("measures_gate", asset=table, description=PROMISES, blocking=True)],
    )
    @step
    def measured(
        lake: dg.ResourceParam[Lake],
        settings: dg.ResourceParam[Settings],
        progress: dg.ResourceParam[Progress],
    ) -> Materialized:
        deliveries = list(entering_now(lake, settings).deliveries)
        with progress.track(f"Measure {audit.name}"):
            identity = measure_corpus(
                spark_for(lake, settings, deliveries),
                lake,
                audit,
                deliveries=deliveries,
                settings=settings.audit(audit.name),
                encoder=encoder_identity(settings.encoder),
                whole_days=settings.spark.whole_days,
                whole_below=settings.spark.whole_below,
            )
        # The limit on abstentions is one of row-wise audits: it would hold back every drop for what one corpus lacks.
        gate = measures_gate(lake, audit, deliveries=deliveries, identity=identity)
        return _materialized(lake, audit, deliveries, identity, gate)

    return measured


def _materialized(lake: Lake, audit: Audit, deliveries: list[str], identity: str, gate: GateResult) -> Materialized:
    return dg.MaterializeResult(
        asset_key=audit.table.name,
        metadata={
            "deliveries": deliveries,
            "identity": identity,
            **_rows(lake, audit.table, identity),
            **measured_from(audit),
        },
        check_results=[check_result(gate, asset=audit.table.name, check="measures_gate")],
    )


corpus_measures = [_corpus_measures(audit) for audit in audits_of(Scope.CORPUS)]


@dg.asset(
    deps=["measures_contradictions", "preferences"],
    group_name="corpus",
    kinds={"spark", "deltalake"},
    code_version=str(CODE),
    pool=ENGINES,
    metadata=table_metadata(CONTRADICTION_RATES),
)
@step
def contradiction_rates(
    lake: dg.ResourceParam[Lake], settings: dg.ResourceParam[Settings], progress: dg.ResourceParam[Progress]
) -> Materialized:
    """Share of judgements that contradict others, by drop, dataset and kind, with its 95 % interval."""
    deliveries = list(entering_now(lake, settings).deliveries)
    measures = corpus_identities(settings, deliveries, encoder_identity(settings.encoder))["contradictions"]
    with progress.track("Rate contradictions"):
        spark = spark_for(lake, settings, deliveries)
        rate_contradictions(spark, lake, measures=measures, deliveries=deliveries)
    rows = _rows(lake, CONTRADICTION_RATES, measures)
    return dg.MaterializeResult(metadata={"deliveries": deliveries, "identity": measures, **rows})


@dg.asset(
    deps=["examples", "corpus", "measures_modality", "measures_visual_necessity"],
    group_name="corpus",
    kinds={"spark", "deltalake"},
    code_version=str(CODE),
    pool=ENGINES,
    metadata=table_metadata(MODALITY_STATISTICS),
)
@step
def modality_statistics(
    lake: dg.ResourceParam[Lake], settings: dg.ResourceParam[Settings], progress: dg.ResourceParam[Progress]
) -> Materialized:
    """Examples, answers, loss tokens, images and image tokens by drop, dataset, kind and modality."""
    entering = entering_now(lake, settings)
    deliveries = list(entering.deliveries)
    measures = row_identities(settings, encoder_identity(settings.encoder))
    with progress.track("Count modalities"):
        spark = spark_for(lake, settings, deliveries)
        identity = count_modality(spark, lake, deliveries=deliveries, measures=measures, without=entering.without)
    rows = _rows(lake, MODALITY_STATISTICS, identity)
    return dg.MaterializeResult(metadata={"deliveries": deliveries, "identity": identity, **rows})


def _rows(lake: Lake, spec: TableSpec, identity: str) -> dict[str, int]:
    """How many rows of these measures there are."""
    return {"dagster/row_count": sum(part.rows for part in lake.parts(spec, where={"identity": identity}))}
