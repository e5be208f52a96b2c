"""Corpus-scope audits on Spark: the rows of the admitted deliveries in, one immutable partition of measures out.

examples, preferences, embeddings -> measures_<audit>, modality_statistics, partition (identity)
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from pyspark.sql import SparkSession

from ops.audits.contract import Audit, Scope
from ops.audits.registry import all_audits, audits_of
from ops.core.canonical import RULES
from ops.core.identity import fingerprint
from ops.core.measure_schemas import CONTRADICTION_RATES, EMBEDDINGS, MODALITY_STATISTICS
from ops.core.schemas import EXAMPLES, PREFERENCES
from ops.corpus.links import State
from ops.corpus.modality import modality_statistics
from ops.corpus.rates import contradiction_rates
from ops.corpus.touched import Touched
from resources.config.settings import Settings
from resources.engines.spark_tables import read_frame
from resources.lake.stored_measures import NONE, Without, used
from resources.lake.tables import Lake
from resources.measuring.clusters import bank_among, first_half
from resources.measuring.corpus_jobs import Earlier, Job, record_done, undertaken
from resources.measuring.corpus_tables import (
    ARRIVALS,
    corpus_table,
    corpus_tables,
    delivery_rows,
    has_subject,
    read_tables,
    write_measures,
)
from resources.measuring.earlier import usable_earlier
from resources.measuring.recorded import require_embedded

StartSpark = Callable[[], SparkSession]
"""Gives the session, and starts Spark where there is none: a corpus whose measures are all there needs no Spark."""
_MODALITY = ("modality", "visual_necessity")
"""Audits that the modality statistics are made from."""


def corpus_identities(settings: Settings, deliveries: Sequence[str], encoder: str) -> dict[str, str]:
    """Identity of each corpus-scope audit's measures over these deliveries, in the order in which their drops came;
    that order counts for audits that read `arrivals` alone, and the encoder for those that read `embeddings`."""
    audits = audits_of(Scope.CORPUS)
    return {audit.name: _identity(audit, settings.audit(audit.name), deliveries, encoder) for audit in audits}


def corpus_family(audit: Audit, settings: Any, encoder: str) -> str:
    """Identity of an audit's measures but for the deliveries."""
    return audit.identity(settings, "corpus", RULES, *([encoder] if EMBEDDINGS.name in audit.reads else ()))


def measure_corpus(
    spark: StartSpark,
    lake: Lake,
    audit: Audit,
    *,
    deliveries: Sequence[str],
    settings: Any,
    encoder: str,
    whole_days: float = 0,
    whole_below: int = 0,
) -> str:
    """Measures the deliveries together with one audit, unless the lake has these measures; returns their identity.

    Where there are measures over other deliveries, only what the difference touches is made anew, until it is
    `whole_days` that all was; all is where the audit is about fewer than `whole_below` rows. LookupError where the
    audit reads vectors and a delivery has not been embedded: its rows would lack them for good.
    """
    identity = _identity(audit, settings, deliveries, encoder)
    job = Job(audit.name, corpus_family(audit, settings, encoder), identity, deliveries)
    with undertaken(lake, job, lambda: lake.committed(audit.table, identity)) as mine:
        if mine:
            if EMBEDDINGS.name in audit.reads:
                require_embedded(lake, deliveries, encoder)
            if not has_subject(lake, audit, deliveries):
                lake.commit(audit.table, [], once=identity)
                record_done(lake, job, rows=0, knows="", made_from="")
                return identity
            earlier = partial(usable_earlier, whole_days=whole_days, whole_below=whole_below)
            _measure(spark(), lake, audit, job, settings=settings, encoder=encoder, earlier_of=earlier)
    return identity


def _measure(
    session: SparkSession,
    lake: Lake,
    audit: Audit,
    job: Job,
    *,
    settings: Any,
    encoder: str,
    earlier_of: Callable[[Lake, Audit, Job, State | None], Earlier | None],
) -> None:
    links = audit.links
    bank = _bank(session, lake, audit, job, settings, encoder, earlier_of)
    tables_of = partial(corpus_tables, session, lake, audit, settings, encoder=encoder, bank=bank)
    tables = tables_of(job.deliveries)
    state = links.state(tables, settings) if links and links.state else None
    measure = partial(audit.measure, settings=settings, **({"state": state} if state else {}))
    known = state or bank
    earlier = earlier_of(lake, audit, job, known)
    if not links or not earlier:
        rows = write_measures(measure(tables), lake, audit.table, job.identity, job.deliveries)
        record_done(lake, job, rows=rows, knows=known.name if known else "", made_from="")
        return
    left = [delivery for delivery in earlier.deliveries if delivery not in job.deliveries]
    came = [delivery for delivery in job.deliveries if delivery not in earlier.deliveries]
    both = tables_of([*job.deliveries, *left])
    before = read_frame(session, lake, audit.table, where={"identity": earlier.identity}).drop("identity")
    if not lake.committed(audit.table, earlier.identity):  # they were retired meanwhile
        _measure(session, lake, audit, job, settings=settings, encoder=encoder, earlier_of=earlier_of)
        return
    touched = Touched(links, settings, job.deliveries, [*came, *left])
    has_moved = known is not None and known.name != earlier.knows
    carried, made = touched.measured(both, links.keys(both, settings), before, measure, has_moved=has_moved)
    rows = write_measures(made, lake, audit.table, job.identity, job.deliveries, carried=carried)
    record_done(lake, job, rows=rows, knows=known.name if known else "", made_from=earlier.identity)


def _bank(
    session: SparkSession,
    lake: Lake,
    audit: Audit,
    job: Job,
    settings: Any,
    encoder: str,
    earlier_of: Callable[[Lake, Audit, Job, State | None], Earlier | None],
) -> State | None:
    """The centres of an audit's clusters: those of the earlier measures that these are made from, or else its own."""
    if audit.clusters is None:
        return None
    read = partial(read_tables, session, lake, audit.clusters.reads, encoder=encoder)
    first = first_half(delivery_rows(lake, job.deliveries))
    earlier = earlier_of(lake, audit, job, None)
    name = earlier.knows if earlier else audit.clusters.rules(settings, RULES, encoder, first)
    return bank_among(lake, audit.clusters, settings, name, first, read)


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
    identity = modality_identity(deliveries, measures, without)
    if not lake.committed(MODALITY_STATISTICS, identity):
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
        columns = ["delivery", "example_id", "dataset", "kind"]
        examples = corpus_table(session, lake, EXAMPLES, columns, deliveries)
        counts = modality_statistics(examples, *frames)
        write_measures(counts, lake, MODALITY_STATISTICS, identity, deliveries)
    return identity


def rate_contradictions(spark: StartSpark, lake: Lake, *, measures: str, deliveries: Sequence[str]) -> str:
    """Counts contradictions by kind over the measures of that identity, unless the lake has the counts."""
    if not any(delivery_rows(lake, deliveries, PREFERENCES).values()):
        lake.commit(CONTRADICTION_RATES, [], once=measures)
    elif not lake.committed(CONTRADICTION_RATES, measures):
        session, audit = spark(), all_audits()["contradictions"]
        judgements = read_frame(session, lake, audit.table, where={"identity": measures})
        columns = ["delivery", "example_id", "judgement_id", "dataset"]
        preferences = corpus_table(session, lake, PREFERENCES, columns, deliveries)
        rates = contradiction_rates(judgements, preferences)
        write_measures(rates, lake, CONTRADICTION_RATES, measures, deliveries)
    return measures
