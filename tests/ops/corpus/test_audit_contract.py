"""Every corpus-scope audit keeps the promises of ops/audits/contract.py, on a real Spark.

What an audit makes of the samples is measured once for all tests: on data this small, each measurement is the time
that Spark takes to plan and to compile."""

from functools import cache

import numpy as np
import pyarrow as pa
import pytest
from pyspark.sql import DataFrame, SparkSession

from ops.audits.contract import KEYS, Audit, Scope
from ops.audits.registry import audits_of
from ops.core.measure_schemas import EMBEDDINGS
from ops.text.turn_rows import turn_rows
from ops.vision.colours import picture_facts
from tests.support.corpora import Dialogue, Judged, corpus
from tests.support.hostile import BARE, TRYING, bold, outside
from tests.support.prompt_examples import examples_of, prompt, prompts_of
from tests.support.samples import (
    DIM,
    sample_embeddings,
    sample_examples,
    sample_images,
    sample_preferences,
)
from tests.support.stored_keys import stored_keys, with_clusters

pytestmark = pytest.mark.full

AUDITS = [pytest.param(audit, id=audit.name) for audit in audits_of(Scope.CORPUS)]
LAWN = "A brown dog runs over the wide green lawn."
RUNS = "Some hound races across a large meadow."
HORSE, RIDER = "A man rides a brown horse over a field.", "Somebody on a brown horse crosses a meadow."
#: What the samples lack: of each kind of pair that a corpus audit looks for one.
PAIRS = [
    Judged("A dog.", label="good", query="Is there a dog?"),
    Judged("A dog.", label="bad", query="Do you see a hound?"),
    Judged("Two grey lorries stand before a tower.", LAWN, query="Where is it?"),
    Dialogue((("Where is it?", RUNS),)),
    Judged("Red.", "blue", query="What hue?"),
    Dialogue((("What hue?", "blue"),)),
    Judged("yes", "no", query="Both?"),
    Dialogue((("Both?", "yes"),)),
    Dialogue((("Both?", "no"),)),
    Dialogue((("Describe the picture.", HORSE),), image="photo"),
    Dialogue((("Describe the picture.", RIDER),), image="photo", drop="two"),
]
TRUTHS = [prompt("How many?", truth, source_id=truth) for truth in ("two", "three")]
#: Texts by what they are about, in units of a dimension.
ABOUT = {
    "Is there a dog?": [1.0, 0.0, 0.0],
    "Do you see a hound?": [1, 0.2, 0],
    "Where is it?": [0, 0, 1],
    LAWN: [0, 1, 0.1],
    RUNS: [0.1, 1, 0],
    HORSE: [1, 1, 0],
    RIDER: [1, 1, 0.1],
    "Describe the picture.": [0, 1, 1],
}


def tables() -> dict[str, pa.Table]:
    """The samples with the pairs beside them."""
    examples = sample_examples()
    sample = {
        "examples": examples,
        "preferences": sample_preferences(examples),
        "images": sample_images(examples),
        "embeddings": sample_embeddings(examples),
        **turn_rows(examples),
        "arrivals": pa.table({"delivery": examples["delivery"][:1], "arrival": pa.array([9], pa.int32())}),
    }
    vectors = {text: np.pad(np.array(about), (0, DIM - 3)) for text, about in ABOUT.items()}
    photo = {"photo": (f"{0xF0F0:016x}", picture_facts(np.full((8, 8, 3), 120, np.uint8)))}
    pairs = corpus(PAIRS, photo, vectors)
    photo_vector = pairs["embeddings"].slice(0, 1).to_pylist()[0] | {"modality": "image", "content_id": "photo"}
    pairs["embeddings"] = pa.concat_tables(
        [pairs["embeddings"], pa.Table.from_pylist([photo_vector], EMBEDDINGS.schema)]
    )
    pairs["examples"] = pa.concat_tables([pairs["examples"], examples_of(TRUTHS)])
    both = {name: pa.concat_tables([rows, pairs[name]]) for name, rows in sample.items()}
    return both | {"prompts": prompts_of(both["examples"]), **turn_rows(both["examples"])}


TABLES = tables()
EXAMPLES = TABLES["examples"]


@cache
def measured(
    spark: SparkSession, audit: Audit, *, reverse: bool = False, rows: int | None = None, without: str = ""
) -> pa.Table:
    """The audit's measures in order of their keys; `reverse` also spreads the rows over other partitions; the table
    `without` has no rows."""
    frames: dict[str, DataFrame] = {}
    given = {name: table.slice(0, 0 if name == without else rows) for name, table in TABLES.items()}
    given |= stored_keys(given)
    for name in {**audit.reads, **(audit.clusters.reads if audit.clusters else {})}.keys() & given.keys():
        table = given[name]
        frame = spark.createDataFrame(table.take(list(range(table.num_rows))[::-1]) if reverse else table)
        frames[name] = frame.repartition(3) if reverse else frame
    frames = with_clusters(frames, audit, audit.settings)
    read = {name: frames[name].select(*columns) for name, columns in audit.reads.items()}
    measures = audit.measure(read, audit.settings).toArrow()
    return measures.sort_by([(key, "ascending") for key in KEYS[audit.grain].names])


@pytest.mark.parametrize("audit", AUDITS)
def test_schema_and_keys_are_as_promised(spark: SparkSession, audit: Audit) -> None:
    rows = measured(spark, audit)
    assert rows.schema.names == audit.schema.names
    assert rows.cast(audit.schema).schema == audit.schema
    keys = [tuple(row.values()) for row in rows.select(KEYS[audit.grain].names).to_pylist()]
    assert keys, "the samples hold something that every audit measures"
    assert len(set(keys)) == len(keys)
    assert all(value is not None for key in keys for value in key)
    assert set(rows["example_id"].to_pylist()) <= set(EXAMPLES["example_id"].to_pylist())


@pytest.mark.parametrize("audit", AUDITS)
def test_empty_input_gives_no_rows(spark: SparkSession, audit: Audit) -> None:
    rows = measured(spark, audit, rows=0)
    assert rows.schema.names == audit.schema.names
    assert rows.num_rows == 0


@pytest.mark.parametrize(
    ("audit", "table"),
    [
        pytest.param(audit, table, id=f"{audit.name}-{table}")
        for audit in audits_of(Scope.CORPUS)
        for table in audit.needs
    ],
)
def test_nothing_is_measured_without_what_it_needs(spark: SparkSession, audit: Audit, table: str) -> None:
    assert measured(spark, audit, without=table).num_rows == 0


@pytest.mark.parametrize("audit", AUDITS)
@pytest.mark.parametrize("delivery", ["one row", "text alone", "images alone", *TRYING])
def test_bare_and_hostile_deliveries_keep_to_the_ranges(spark: SparkSession, audit: Audit, delivery: str) -> None:
    tables = (BARE | TRYING)[delivery].tables()
    frames = {name: spark.createDataFrame(tables[name]) for name in audit.reads if name in tables}
    measures = audit.measure(with_clusters(frames, audit, bold(audit)), bold(audit)).toArrow()
    rows = measures.select(audit.schema.names).cast(audit.schema)
    assert list(outside(audit, rows)) == []
    assert set(rows["example_id"].to_pylist()) <= set(tables["examples"]["example_id"].to_pylist())


@pytest.mark.parametrize("audit", AUDITS)
def test_order_and_partitioning_do_not_matter(spark: SparkSession, audit: Audit) -> None:
    assert measured(spark, audit).to_pylist() == measured(spark, audit, reverse=True).to_pylist()
