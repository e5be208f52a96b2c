"""Corpus-scope audits on Spark: the rows of the admitted deliveries in, one immutable partition of measures out.

examples, preferences, embeddings -> measures_<audit>, modality_statistics, partition (identity)
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from ops.audits.contract import Audit, Scope
from ops.audits.registry import all_audits, audits_of
from ops.core.canonical import RULES
from ops.core.identity import fingerprint
from ops.core.schemas import CONTRADICTION_RATES, EMBEDDINGS, IMAGES, MODALITY_STATISTICS, TABLES, TableSpec
from ops.corpus.modality import modality_statistics
from ops.corpus.rates import contradiction_rates
from resources.config.settings import Settings
from resources.engines.spark import read_frame, write_frame
from resources.lake.stored_measures import NONE, Without, used
from resources.lake.tables import Lake
from resources.measuring.recorded import require_embedded

ARRIVALS = "arrivals"
StartSpark = Callable[[], SparkSession]
"""Gives the session, and starts Spark where there is none: a corpus whose measures are all there needs no Spark."""
_MODALITY = ("modality", "visual_necessity")
"""Audits that the modality statistics are made from."""


def corpus_identities(settings: Settings, deliveries: Sequence[str], encoder: str) -> dict[str, str]:
    """Identity of each corpus-scope audit's measures over these deliveries, in the order in which their drops came;
    that order counts for audits that read `arrivals` alone, and the encoder for those that read `embeddings`."""
    audits = audits_of(Scope.CORPUS)
    return {audit.name: _identity(audit, settings.audit(audit.name), deliveries, encoder) for audit in audits}


def measure_corpus(
    spark: StartSpark, lake: Lake, audit: Audit, *, deliveries: Sequence[str], settings: Any, encoder: str
) -> str:
    """Measures the deliveries together with one audit, unless the lake has these measures; returns their identity.

    LookupError where the audit reads vectors and a delivery has not been embedded: its rows would lack them for good.
    """
    identity = _identity(audit, settings, deliveries, encoder)

    def make() -> DataFrame:
        if EMBEDDINGS.name in audit.reads:
            require_embedded(lake, deliveries, encoder)
        session = spark()
        return audit.measure({name: _input(session, lake, name, deliveries, encoder) for name in audit.reads}, settings)

    return _written_once(lake, audit.table, identity, make)


def _identity(audit: Audit, settings: Any, deliveries: Sequence[str], encoder: str) -> str:
    # Corpus audits compare by the canonical keys, so that other rules for these are other measures.
    context = [deliveries if ARRIVALS in audit.reads else sorted(deliveries), RULES]
    return audit.identity(settings, *context, *([encoder] if EMBEDDINGS.name in audit.reads else ()))


def modality_identity(deliveries: Sequence[str], measures: Mapping[str, str], without: Without = NONE) -> str:
    """Identity of the modality statistics over these deliveries, made from measures of these identities, but for those
    of the deliveries in `without`."""
    left = {name: without[name] for name in _MODALITY if name in without}
    made_from = [measures.get(name) for name in _MODALITY]
    return fingerprint("modality_statistics", 2, sorted(deliveries), made_from, *([left] if left else ()))


def count_modality(
    spark: StartSpark,
    lake: Lake,
    *,
    deliveries: Sequence[str],
    measures: Mapping[str, str],
    without: Without = NONE,
) -> str:
    """Counts the deliveries' modalities, unless the lake has these counts; returns their identity."""

    def make() -> DataFrame:
        session = spark()
        frames = [
            read_frame(
                session,
                lake,
                all_audits()[name].table,
                where={"identity": measures[name], "delivery": used(deliveries, without, name)},
            )
            for name in _MODALITY
        ]
        return modality_statistics(_frame(session, lake, "examples", deliveries), *frames)

    return _written_once(lake, MODALITY_STATISTICS, modality_identity(deliveries, measures, without), make)


def rate_contradictions(spark: StartSpark, lake: Lake, *, measures: str, deliveries: Sequence[str]) -> str:
    """Counts contradictions by kind over the measures of that identity, unless the lake has the counts."""

    def make() -> DataFrame:
        session, audit = spark(), all_audits()["contradictions"]
        judgements = read_frame(session, lake, audit.table, where={"identity": measures})
        return contradiction_rates(judgements, _frame(session, lake, "preferences", deliveries))

    return _written_once(lake, CONTRADICTION_RATES, measures, make)


def _written_once(lake: Lake, spec: TableSpec, identity: str, make: Callable[[], DataFrame]) -> str:
    if not lake.committed(spec, identity):
        frame = make().withColumn("identity", F.lit(identity))
        write_frame(frame.select(*spec.schema.names), lake, spec, partition={"identity": identity}, once=identity)
    return identity


def _input(spark: SparkSession, lake: Lake, name: str, deliveries: Sequence[str], encoder: str) -> DataFrame:
    if name == ARRIVALS:
        columns = [pa.array(deliveries, pa.string()), pa.array(range(len(deliveries)), pa.int32())]
        return spark.createDataFrame(pa.table(columns, names=["delivery", "arrival"]))
    if name == IMAGES.name:
        # Images belong to no delivery; an audit joins those that it is about.
        return read_frame(spark, lake, IMAGES).drop("bytes")
    if name == EMBEDDINGS.name:
        return read_frame(spark, lake, EMBEDDINGS, where={"encoder": encoder})
    return _frame(spark, lake, name, deliveries)


def _frame(spark: SparkSession, lake: Lake, table: str, deliveries: Sequence[str]) -> DataFrame:
    return read_frame(spark, lake, TABLES[table], where={"delivery": list(deliveries)})
