"""Measures of the corpus that nothing needs are retired, and made anew where they are asked for once more."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from ops.audits.registry import all_audits
from ops.core.errors import MissingError
from ops.core.identity import canonical_json
from ops.core.log import Log, successor
from ops.core.measure_schemas import CORPUS_JOBS
from ops.core.schemas import EXAMPLES, PREFERENCES
from ops.core.version_schemas import VERSIONS
from ops.decision.versions import REMOVED
from ops.text.turn_rows import TURN_RULES, TURN_TABLES, turns_of
from resources.config.settings import Settings
from resources.engines.progress import SilentProgress
from resources.lake.tables import Lake
from resources.measuring.corpus import measure_corpus
from resources.measuring.corpus_jobs import Job, earlier_measures, record_done
from resources.measuring.corpus_retention import retire_measures
from resources.versions.candidates import build_candidate
from tests.support.corpora import Dialogue, Judged, tables

AUDIT = all_audits()["duplicates"]
AT_ONCE = timedelta(0)


def measured(lake: Lake, identity: str, *, family: str = "family", rows: int = 1) -> None:
    """As a night leaves it: measures, and that they are done."""
    made = pa.table({name: pa.nulls(rows, AUDIT.table.schema.field(name).type) for name in AUDIT.table.schema.names})
    staged = lake.stage(AUDIT.table, made.drop_columns(["identity"]), {"identity": identity})
    lake.commit(AUDIT.table, staged, once=identity)
    record_done(lake, Job(AUDIT.name, family, identity, (f"{identity}-0",)), rows=rows, knows="", made_from="")


def published(lake: Lake, identity: str, number: int) -> None:
    """A version that is made from measures of this identity, and current from now on."""
    row = {"version": number, "state": "published", "at": datetime.now(UTC), "tables": "{}"}
    lake.log(VERSIONS, lambda _: [row | {"measures": canonical_json({AUDIT.name: identity})}])


def standing(lake: Lake) -> set[str]:
    return {name for name in ("one", "two", "three", "four") if lake.committed(AUDIT.table, name)}


def test_what_nothing_needs_is_retired(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    for name in ("one", "two", "three"):
        measured(lake, name, rows=5)
    measured(lake, "four", family="another", rows=5)
    published(lake, "one", 1)
    assert retire_measures(lake).partitions == 0, "a run may be about to pin what is young"
    promised = retire_measures(lake, age=AT_ONCE, dry_run=True)
    assert standing(lake) == {"one", "two", "three", "four"}
    done = retire_measures(lake, age=AT_ONCE)
    assert (done.partitions, done.rows) == (1, 5)
    assert done == promised
    assert standing(lake) == {"one", "three", "four"}, "a version pins the first, the next nights begin with the others"
    assert retire_measures(lake, age=AT_ONCE).partitions == 0
    nearest = earlier_measures(lake, Job(AUDIT.name, "family", "now", ("two-0",)), {"two-0": 9}, whole_days=7)
    assert nearest is not None
    assert nearest.identity != "two"


def test_a_version_that_is_removed_needs_nothing(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    for number, name in enumerate(("one", "two", "three"), 1):
        measured(lake, name)
        published(lake, name, number)
    assert retire_measures(lake, age=AT_ONCE).partitions == 0
    lake.log(VERSIONS, lambda log: [successor(log.rows[0], state=REMOVED, at=datetime.now(UTC))])
    assert retire_measures(lake, age=AT_ONCE).partitions == 1
    assert standing(lake) == {"two", "three"}


@pytest.mark.full
def test_retired_measures_are_made_anew_and_no_version_does_without(spark: SparkSession, tmp_path: Path) -> None:
    rows = [Judged("a cat", "a dog", source_id=f"{n}", image="p", query="What?", drop="d") for n in range(3)]
    made, lake = tables([*rows, Dialogue((("What?", "a cat"),), source_id="x", drop="d")]), Lake(tmp_path)
    for spec in (EXAMPLES, PREFERENCES, *TURN_TABLES):
        partition = {"delivery": "d-0"} | ({"rules": TURN_RULES} if spec in TURN_TABLES else {})
        lake.write(spec, made[spec.name], partition=partition, once=turns_of("d-0") if spec in TURN_TABLES else "d-0")

    def measure() -> str:
        return measure_corpus(
            lambda: spark, lake, AUDIT, deliveries=["d-0"], settings=AUDIT.settings, encoder="e", whole_days=7
        )

    first = measure()
    before = lake.read(AUDIT.table, where={"identity": first})
    assert before.num_rows
    family = Log.of(lake.read(CORPUS_JOBS)).rows[0]["family"]
    record_done(lake, Job(AUDIT.name, family, "later", ()), rows=0, knows="", made_from="")
    assert retire_measures(lake, age=AT_ONCE).partitions == 1
    assert lake.read(AUDIT.table, where={"identity": first}).num_rows == 0
    with pytest.raises(MissingError, match=r"not measured by duplicates any more.*assay run"):
        build_candidate(
            lake,
            deliveries=["d-0"],
            measures={AUDIT.name: first},
            settings=Settings(),
            code="c",
            encoder="e",
            progress=SilentProgress(),
        )
    assert measure() == first
    assert lake.read(AUDIT.table, where={"identity": first}).equals(before)
