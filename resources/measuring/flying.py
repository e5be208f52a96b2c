"""What audits measure of the corpus' canaries.

They are frames in Spark beside the tables that an audit reads, as a drop that comes last would be, and only what they
touch is measured; of a small corpus all, which is less work than to find that. An audit of which any row may change any
would measure the whole corpus for them: it measures them among the own rows that are drawn. Nothing is staged, so that
no canary can be published.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from ops.audits.contract import Audit
from ops.canaries.comparisons import Comparisons, canary_delivery
from ops.core.arrow import column_values
from ops.core.identity import text_id
from ops.core.measure_schemas import EMBEDDINGS
from ops.core.schemas import EXAMPLES, IMAGES, PREFERENCES, PROMPTS
from ops.corpus.links import Links
from ops.corpus.touched import Touched
from ops.text.turn_rows import turn_rows
from resources.config.settings import Settings
from resources.engines.spark_tables import read_frame
from resources.lake.lookup import one_each
from resources.lake.tables import Lake
from resources.measuring.corpus_tables import ARRIVALS, corpus_tables, is_little

_NO_IMAGES = IMAGES.schema.empty_table()


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
    *,
    own: Mapping[str, pa.Table],
) -> pa.Table:
    """What the audit measures of canaries (by the delivery that they are made of) that come after all deliveries.
    `identity` is that of the corpus' measures; `own` are the rows that are drawn of each such delivery."""
    if audit.links is None:
        rows = _among_own(spark, corpus, audit, made, own)
    else:
        rows = _among_all(spark, corpus, audit, audit.links, identity, made)
    came = [canary_delivery(name) for name in made]
    return rows.where(F.col("delivery").isin(came)).select(*audit.schema.names).toArrow().cast(audit.schema)


def _among_all(
    spark: SparkSession,
    corpus: Corpus,
    audit: Audit,
    links: Links,
    identity: str,
    made: Mapping[str, Comparisons],
) -> DataFrame:
    chosen = corpus.settings.audit(audit.name)
    tables = corpus_tables(spark, corpus.lake, audit, chosen, corpus.deliveries, corpus.encoder)
    # What is known of the whole corpus is known without canaries.
    known = links.state(tables, chosen) if links.state else None
    came = [canary_delivery(name) for name in made]
    among = _with_canaries(spark, tables, _canary_tables(audit, chosen, made, len(corpus.deliveries)))
    measure: Callable[..., DataFrame] = partial(audit.measure, settings=chosen, **({"state": known} if known else {}))
    if is_little(corpus.lake, links, corpus.deliveries, below=corpus.settings.spark.whole_below):
        return measure(among)
    before = read_frame(spark, corpus.lake, audit.table, where={"identity": identity}).drop("identity")
    touched = Touched(links, chosen, [*corpus.deliveries, *came], came)
    _, rows = touched.measured(among, links.keys(among, chosen), before, measure, has_moved=False)
    return rows


def _among_own(
    spark: SparkSession, corpus: Corpus, audit: Audit, made: Mapping[str, Comparisons], own: Mapping[str, pa.Table]
) -> DataFrame:
    """Of the audit's tables the canaries, and what there is of the rows that are drawn."""
    chosen = corpus.settings.audit(audit.name)
    canaries = _canary_tables(audit, chosen, made, len(corpus.deliveries))
    drawn = _drawn_tables(corpus, audit, chosen, own)
    tables = {name: pa.concat_tables([drawn[name].select(rows.schema.names), rows]) for name, rows in canaries.items()}
    image_ids = {image for ids in tables[EXAMPLES.name]["image_ids"].to_pylist() for image in ids or ()}
    known = corpus.lake.read(IMAGES, where={"image_id": sorted(image_ids)}, columns=list(audit.reads[IMAGES.name]))
    tables[IMAGES.name] = pa.concat_tables([one_each(known, IMAGES.key), canaries[IMAGES.name]])
    if EMBEDDINGS.name in audit.reads:
        texts = {text_id(text) for text in audit.texts(tables[EXAMPLES.name])} if audit.texts else set[str]()
        where = {"encoder": corpus.encoder, "content_id": sorted(image_ids | texts)}
        tables[EMBEDDINGS.name] = corpus.lake.read(EMBEDDINGS, where=where, columns=list(audit.reads[EMBEDDINGS.name]))
    return audit.measure({name: spark.createDataFrame(rows) for name, rows in tables.items()}, settings=chosen)


def _drawn_tables(corpus: Corpus, audit: Audit, settings: object, own: Mapping[str, pa.Table]) -> dict[str, pa.Table]:
    """What of these rows (by delivery) stands in the tables that the audit reads."""
    ids = [name for rows in own.values() for name in column_values(rows, "example_id", str)]
    where = {"delivery": list(own), "example_id": ids}
    wanted = [spec for spec in (EXAMPLES, PREFERENCES, PROMPTS) if spec.name in (EXAMPLES.name, *audit.sources)]
    rows = {spec.name: corpus.lake.read(spec, where=where) for spec in wanted}
    rows |= turn_rows(rows[EXAMPLES.name]) | {ARRIVALS: _arrivals(corpus.deliveries, 0), IMAGES.name: _NO_IMAGES}
    return rows | {keys.spec.name: keys.table(rows[keys.made_from.name], settings) for keys in audit.keys}


def _arrivals(deliveries: Sequence[str], first: int) -> pa.Table:
    places = pa.array(range(first, first + len(deliveries)), pa.int32())
    return pa.table([pa.array(deliveries, pa.string()), places], names=["delivery", "arrival"])


def _canary_tables(
    audit: Audit, settings: object, made: Mapping[str, Comparisons], arrived: int
) -> dict[str, pa.Table]:
    """The canaries as rows of the tables that the audit reads; `arrived` deliveries came before them."""
    canaries = made.values()
    examples = pa.concat_tables(one.examples for one in canaries)
    rows = {
        EXAMPLES.name: examples,
        PREFERENCES.name: pa.concat_tables(one.preferences for one in canaries),
        PROMPTS.name: pa.concat_tables(one.prompts for one in canaries),
        IMAGES.name: pa.concat_tables(one.images for one in canaries),
        ARRIVALS: _arrivals([canary_delivery(name) for name in made], arrived),
        **turn_rows(examples),
    }
    rows |= {keys.spec.name: keys.table(rows[keys.made_from.name], settings) for keys in audit.keys}
    return {name: rows[name].select(columns) for name, columns in audit.reads.items() if name in rows}


def _with_canaries(
    spark: SparkSession, tables: Mapping[str, DataFrame], canaries: Mapping[str, pa.Table]
) -> dict[str, DataFrame]:
    beside = {name: tables[name].unionByName(spark.createDataFrame(rows)) for name, rows in canaries.items()}
    return {**tables, **beside}
