"""What audits measure of the corpus' canaries.

They are frames in Spark beside the tables that an audit reads, as a drop that comes last would be, and only what they
touch is measured; of a small corpus all, which is less work than to find that. Nothing is staged, so that no canary can
be published.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from ops.audits.contract import Audit
from ops.canaries.comparisons import Comparisons, canary_delivery
from ops.core.schemas import EXAMPLES, IMAGES, PREFERENCES, PROMPTS
from ops.corpus.links import State
from ops.corpus.touched import Touched
from ops.text.turn_rows import turn_rows
from resources.config.settings import Settings
from resources.engines.spark_tables import read_frame
from resources.lake.tables import Lake
from resources.measuring.clusters import stored_bank
from resources.measuring.corpus_jobs import knowledge_of
from resources.measuring.corpus_tables import ARRIVALS, corpus_tables, is_little

#: Canaries are fewer than what a night brings, however much that is, so that finding what they touch pays in a corpus
#: so many times smaller.
_FEWER = 10


@dataclass(frozen=True, slots=True)
class Corpus:
    """The deliveries that audits measure together, in the order in which their drops came, and by what they do."""

    lake: Lake
    deliveries: Sequence[str]
    settings: Settings
    encoder: str


def measured_canaries(
    spark: SparkSession,
    corpus: Corpus,
    audit: Audit,
    identity: str,
    made: Mapping[str, Comparisons],
) -> pa.Table:
    """What the audit, whose rows must say by `links` what they depend on, measures of canaries (by the delivery that
    they are made of) that come after all deliveries. `identity` is that of the corpus' measures."""
    links, chosen, bank = audit.links, corpus.settings.audit(audit.name), _bank(corpus.lake, audit, identity)
    if links is None:
        raise ValueError(f"{audit.name} does not say what its rows depend on")
    tables = corpus_tables(spark, corpus.lake, audit, chosen, corpus.deliveries, corpus.encoder, bank=bank)
    # What is known of the whole corpus is known without canaries.
    known = links.state(tables, chosen) if links.state else None
    came = [canary_delivery(name) for name in made]
    among = _among(spark, audit, tables, _canary_tables(audit, chosen, made, len(corpus.deliveries)), bank)
    measure: Callable[..., DataFrame] = partial(audit.measure, settings=chosen, **({"state": known} if known else {}))
    if is_little(corpus.lake, links, corpus.deliveries, below=corpus.settings.spark.whole_below // _FEWER):
        rows = measure(among)
    else:
        before = read_frame(spark, corpus.lake, audit.table, where={"identity": identity}).drop("identity")
        touched = Touched(links, chosen, [*corpus.deliveries, *came], came)
        _, rows = touched.measured(among, links.keys(among, chosen), before, measure, has_moved=False)
    return rows.where(F.col("delivery").isin(came)).select(*audit.schema.names).toArrow().cast(audit.schema)


def _bank(lake: Lake, audit: Audit, identity: str) -> State | None:
    """The centres of the clusters that these measures were made with."""
    return stored_bank(lake, knowledge_of(lake, audit.name, identity)) if audit.clusters else None


def _canary_tables(
    audit: Audit, settings: object, made: Mapping[str, Comparisons], arrived: int
) -> dict[str, pa.Table]:
    """The canaries as rows of tables, with all columns; `arrived` deliveries came before them."""
    canaries = made.values()
    examples = pa.concat_tables(one.examples for one in canaries)
    came = [canary_delivery(name) for name in made]
    places = pa.array(range(arrived, arrived + len(came)), pa.int32())
    rows = {
        EXAMPLES.name: examples,
        PREFERENCES.name: pa.concat_tables(one.preferences for one in canaries),
        PROMPTS.name: pa.concat_tables(one.prompts for one in canaries),
        IMAGES.name: pa.concat_tables(one.images for one in canaries),
        ARRIVALS: pa.table([pa.array(came, pa.string()), places], names=["delivery", "arrival"]),
        **turn_rows(examples),
    }
    rows |= {keys.spec.name: keys.table(rows[keys.made_from.name], settings) for keys in audit.keys}
    return rows


def _among(
    spark: SparkSession,
    audit: Audit,
    tables: Mapping[str, DataFrame],
    canaries: Mapping[str, pa.Table],
    bank: State | None,
) -> dict[str, DataFrame]:
    """The tables that the audit reads with the canaries beside, which lie in the clusters of the bank."""
    read = {**audit.sources, **{keys.spec.name: audit.reads[keys.spec.name] for keys in audit.keys}}
    came = {name: spark.createDataFrame(rows.select(read[name])) for name, rows in canaries.items() if name in read}
    if audit.clusters and bank:
        came[audit.clusters.spec.name] = audit.clusters.rows({**tables, EXAMPLES.name: came[EXAMPLES.name]}, bank.value)
    return {
        name: table.unionByName(came[name].select(*audit.reads[name])) if name in came else table
        for name, table in tables.items()
    }
