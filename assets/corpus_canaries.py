"""What audits of the whole corpus find of canaries, once they have measured it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict

import dagster as dg

from assets.checks import check_result, table_of
from assets.corpus import entering_now, spark_for
from assets.partitions import ENGINES
from assets.specs import CODE, Materialized
from assets.steps import step
from ops.canaries.comparisons import KINDS
from ops.canaries.outcome import CanaryOutcome
from ops.gates.canary_facts import together
from resources.config.settings import Settings
from resources.engines.progress import Progress
from resources.gates.canaries import fall_gate, latest_canaries
from resources.intake.corpus_drops import drops_by_delivery
from resources.lake.tables import Lake
from resources.measuring.corpus_canaries import compared_audits, fly_corpus_canaries, missing_corpus_flight
from resources.models.encoder_source import encoder_identity

ASSET, CHECK = "corpus_canaries", "corpus_canaries_fall"


@dg.asset(
    name=ASSET,
    deps=["corpus", *(audit.table.name for audit in compared_audits())],
    group_name="corpus",
    kinds={"spark", "deltalake"},
    code_version=str(CODE),
    pool=ENGINES,
    check_specs=[
        dg.AssetCheckSpec(
            CHECK,
            asset=ASSET,
            description="Of each kind of fault, no fewer canaries are found than in the deliveries before; a warning.",
        )
    ],
)
@step
def corpus_canaries(
    lake: dg.ResourceParam[Lake], settings: dg.ResourceParam[Settings], progress: dg.ResourceParam[Progress]
) -> Materialized:
    """What audits of the whole corpus find of canaries: copies of rows of the drops that came last, and rows that
    contradict these, measured among the corpus and stored nowhere. The table `canaries` keeps it beside what other
    audits find."""
    deliveries = list(entering_now(lake, settings).deliveries)
    encoder = encoder_identity(settings.encoder)
    flight = missing_corpus_flight(lake, deliveries, settings=settings, encoder=encoder)
    if flight is not None:
        with progress.track("Measure canaries among the corpus"):
            spark = spark_for(lake, settings, deliveries)
            fly_corpus_canaries(spark, lake, flight, deliveries=deliveries, settings=settings, encoder=encoder)
    latest = {
        name: [outcome for outcome in known if outcome.fault in KINDS] for name, known in latest_canaries(lake).items()
    }
    flown = list(flight.deliveries) if flight else []
    rows = [{"delivery": name, **asdict(outcome)} for name in flown for outcome in latest.get(name, ())]
    recalls = {
        f"recall of {outcome.fault} in {name}": outcome.caught / outcome.planted
        for name in flown
        for outcome in together(latest.get(name, []))
    }
    return dg.MaterializeResult(
        metadata={"deliveries": flown, "canaries": table_of(rows), **recalls},
        check_results=[_steady(lake, latest, flown or deliveries[-1:])],
    )


def _steady(
    lake: Lake, latest: Mapping[str, Sequence[CanaryOutcome]], deliveries: Sequence[str]
) -> dg.AssetCheckResult:
    """What the gate says of these deliveries: of the first that it fails, or else of the last."""
    # Another run may have admitted a correction since, so that they are no longer the last of their drops.
    drops = drops_by_delivery(lake)
    gates = [fall_gate(latest, name, drop=drops[name], history=lake.storage) for name in deliveries]
    gate = next((gate for gate in gates if not gate.success), gates[-1])
    return check_result(gate, asset=ASSET, check=CHECK, severity=dg.AssetCheckSeverity.WARN)
