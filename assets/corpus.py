"""Audits of the whole corpus, over the last admitted delivery of every drop: one asset an audit, on Spark."""

import dagster as dg

from assets.checks import check_result
from assets.measures import audit_spec
from ops.audits.contract import Audit, Scope
from ops.audits.registry import audits_of
from ops.schemas import TABLES
from resources.admission import admitted_deliveries
from resources.corpus import corpus_identities, count_modality, measure_corpus, rate_contradictions
from resources.encoder_source import encoder_identity
from resources.gates import measures_gate
from resources.lake import Lake
from resources.measuring import require_measured, row_identities
from resources.progress import Progress
from resources.settings import Settings
from resources.spark import start_spark


def _corpus_measures(audit: Audit) -> dg.AssetsDefinition:
    table = audit.table.name

    @dg.multi_asset(
        name=f"corpus_{audit.name}",
        specs=[
            audit_spec(
                audit.name,
                group="corpus",
                deps=[*(name for name in audit.reads if name in TABLES), "drops"],
                kinds={"spark"},
            )
        ],
        check_specs=[dg.AssetCheckSpec("measures_gate", asset=table, blocking=True)],
    )
    def measured(
        lake: dg.ResourceParam[Lake],
        settings: dg.ResourceParam[Settings],
        progress: dg.ResourceParam[Progress],
    ) -> dg.MaterializeResult:
        deliveries = admitted_deliveries(lake)
        with progress.track(f"Measure {audit.name}"):
            identity = measure_corpus(
                start_spark(settings.spark),
                lake,
                audit,
                deliveries=deliveries,
                settings=settings.audit(audit.name),
                encoder=encoder_identity(settings.encoder),
            )
        gate = measures_gate(lake, audit, deliveries=deliveries, identity=identity, settings=settings.gates)
        return dg.MaterializeResult(
            asset_key=table,
            metadata={"deliveries": deliveries, "identity": identity},
            check_results=[check_result(gate, asset=table, check="measures_gate")],
        )

    return measured


corpus_measures = [_corpus_measures(audit) for audit in audits_of(Scope.CORPUS)]


@dg.asset(deps=["measures_contradictions", "preferences"], group_name="corpus", kinds={"spark", "deltalake"})
def contradiction_rates(
    lake: dg.ResourceParam[Lake], settings: dg.ResourceParam[Settings], progress: dg.ResourceParam[Progress]
) -> dg.MaterializeResult:
    """Share of judgements that contradict others, by drop, dataset and kind, with its 95 % interval."""
    deliveries = admitted_deliveries(lake)
    measures = corpus_identities(settings, deliveries, encoder_identity(settings.encoder))["contradictions"]
    with progress.track("Rate contradictions"):
        rate_contradictions(start_spark(settings.spark), lake, measures=measures, deliveries=deliveries)
    return dg.MaterializeResult(metadata={"deliveries": deliveries, "identity": measures})


@dg.asset(
    deps=["examples", "drops", "measures_modality", "measures_visual_necessity"],
    group_name="corpus",
    kinds={"spark", "deltalake"},
)
def modality_statistics(
    lake: dg.ResourceParam[Lake], settings: dg.ResourceParam[Settings], progress: dg.ResourceParam[Progress]
) -> dg.MaterializeResult:
    """Examples, answers, loss tokens, images and image tokens by drop, dataset, kind and modality."""
    deliveries = admitted_deliveries(lake)
    encoder = encoder_identity(settings.encoder)
    # Counted once and kept: a drop that is not measured yet would be missing for good.
    require_measured(lake, settings=settings, encoder=encoder)
    measures = row_identities(settings, encoder)
    with progress.track("Count modalities"):
        identity = count_modality(start_spark(settings.spark), lake, deliveries=deliveries, measures=measures)
    return dg.MaterializeResult(metadata={"deliveries": deliveries, "identity": identity})
