"""Keys, clusters and counts that nothing needs are retired, and made anew where they are asked for once more."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyspark.sql import DataFrame, SparkSession

from ops.audits.contract import Audit
from ops.audits.registry import all_audits
from ops.core.canonical import RULES
from ops.core.identity import canonical_json
from ops.core.key_schemas import CLUSTER_CENTRES, DIALOGUE_BANDS, EXAMPLE_CLUSTERS
from ops.core.log import successor
from ops.core.measure_schemas import CONTRADICTION_RATES, MODALITY_STATISTICS
from ops.core.schemas import TURNS, TableSpec
from ops.core.version_schemas import VERSIONS
from ops.decision.versions import REMOVED
from ops.text.turn_rows import TURN_RULES
from resources.config.settings import Settings
from resources.lake.tables import Lake
from resources.measuring import corpus_tables
from resources.measuring.corpus import modality_identity
from resources.measuring.corpus_jobs import Job, record_done
from resources.measuring.corpus_retention import retire_measures
from resources.measuring.made_retention import retire_made
from tests.support.nights import a_lake, delivery, measured

AT_ONCE = timedelta(0)
NEAR = all_audits()["near_duplicates"]


def written(lake: Lake, spec: TableSpec, *names: str) -> None:
    """A row under these names of its partition, committed as all that is made is."""
    partition = dict(zip(spec.partition_by, names, strict=True))
    made = pa.table({name: pa.nulls(1, spec.schema.field(name).type) for name in spec.schema.names})
    lake.write(spec, made.drop_columns(list(partition)), partition=partition, once="/".join(names))


def standing(lake: Lake, spec: TableSpec, delivery: str = "a-0") -> set[str]:
    parts = [part.partition for part in lake.parts(spec)]
    return {str(one[spec.partition_by[-1]]) for one in parts if one.get("delivery", delivery) == delivery}


def version(lake: Lake, settings: Settings, measures: dict[str, str]) -> None:
    row = {"state": "published", "at": datetime.now(UTC), "tables": "{}", "deliveries": ["a-0"]}
    row |= {"config": canonical_json(settings.effective()), "measures": canonical_json(measures)}
    lake.log(VERSIONS, lambda log: [row | {"version": len(log.rows) + 1}])


def rules_of(words: int) -> str:
    return NEAR.keys[0].rules(replace(NEAR.settings, words=words), RULES)


def test_keys_that_nothing_needs_are_retired(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    settings = [replace(Settings(), audits={NEAR.name: replace(NEAR.settings, words=words)}) for words in (3, 4, 5)]
    for words in (3, 4, 5, 6, 7):
        written(lake, DIALOGUE_BANDS, "a-0", rules_of(words))
    written(lake, DIALOGUE_BANDS, "b-0", "another")
    written(lake, TURNS, "a-0", TURN_RULES)
    written(lake, TURNS, "a-0", "of older code")
    written(lake, TURNS, "a-0", "of newer code")
    for chosen in settings[:2]:
        version(lake, chosen, {})
    refused = {NEAR.name: {"words": 0}}
    lake.log(VERSIONS, lambda log: [log.rows[1] | {"version": 3, "config": canonical_json({"audits": refused})}])
    lake.log(VERSIONS, lambda log: [successor(log.rows[0], state=REMOVED, at=datetime.now(UTC))])
    assert retire_made(lake).partitions == 0, "a run may be about to read what is young"
    promised = retire_made(lake, age=AT_ONCE, dry_run=True)
    assert len(standing(lake, DIALOGUE_BANDS)) == 5
    done = retire_made(lake, age=AT_ONCE)
    assert done == promised
    assert (done.partitions, done.rows) == (4, 4)
    assert standing(lake, DIALOGUE_BANDS) == {rules_of(4), rules_of(7)}, "a version names the one, the other is last"
    assert standing(lake, DIALOGUE_BANDS, "b-0") == {"another"}
    assert standing(lake, TURNS) == {TURN_RULES, "of newer code"}
    assert retire_made(lake, age=AT_ONCE).partitions == 0
    written(lake, DIALOGUE_BANDS, "a-0", rules_of(6))
    assert rules_of(6) in standing(lake, DIALOGUE_BANDS), "who asks once more makes them anew"


def test_banks_and_counts_go_with_the_measures(tmp_path: Path) -> None:
    lake, measures = Lake(tmp_path), {"modality": "m", "visual_necessity": "v"}
    for bank in ("old", "used", "last"):
        written(lake, CLUSTER_CENTRES, bank)
        written(lake, EXAMPLE_CLUSTERS, "a-0", bank)
    record_done(lake, Job("semantic_duplicates", "family", "one", ["a-0"]), rows=1, knows="used", made_from="")
    record_done(lake, Job("contradictions", "family", "c1", ["a-0"]), rows=1, knows="", made_from="")
    for name in ("c0", "c1", "c2"):
        written(lake, CONTRADICTION_RATES, name)
    counted = modality_identity(["a-0"], measures)
    for name in (counted, "of none", "just counted"):
        written(lake, MODALITY_STATISTICS, name)
    version(lake, Settings(), measures)
    assert retire_made(lake, age=AT_ONCE).partitions == 4
    assert standing(lake, CLUSTER_CENTRES) == standing(lake, EXAMPLE_CLUSTERS) == {"used", "last"}
    assert standing(lake, CONTRADICTION_RATES) == {"c1", "c2"}
    assert standing(lake, MODALITY_STATISTICS) == {counted, "just counted"}


def raised(audit: Audit) -> Audit:
    """The audit as code of tomorrow has it, all of whose keys and clusters are made otherwise."""
    keys = tuple(replace(keys, revision=keys.revision + 1) for keys in audit.keys)
    clusters = audit.clusters and replace(audit.clusters, revision=audit.clusters.revision + 1)
    return replace(audit, revision=audit.revision + 1, keys=keys, clusters=clusters)


@pytest.mark.full
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", ["near_duplicates", "semantic_duplicates"])
def test_the_next_night_after_a_vacuum_says_what_one_from_scratch_says(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    draw, audit = np.random.default_rng(5), all_audits()[name]
    spec, later = (audit.clusters or audit.keys[0]).spec, raised(audit)
    made = {name: delivery(name, draw, rows) for name, rows in {"base": 80, "small1": 6, "small2": 6}.items()}
    lake, other = (a_lake(tmp_path / where, made) for where in ("vacuumed", "scratch"))
    nights = [["base"], ["base", "small1"], ["base", "small1", "small2"], ["base", "small2"]]
    scratch = [measured(spark, other, audit, night, 0) for night in nights]
    assert scratch[0]

    for revision in (audit, later):
        assert measured(spark, lake, revision, nights[0], 7) == scratch[0]
    assert len(standing(lake, spec, "base-0")) == 2
    assert retire_measures(lake, age=AT_ONCE).partitions == 1, "nobody measures by the earlier revision"
    assert retire_made(lake, age=AT_ONCE).partitions == (2 if audit.clusters else 1)
    assert len(standing(lake, spec, "base-0")) == 1
    assert measured(spark, lake, later, nights[1], 7) == scratch[1]

    # Who goes back, and is vacuumed just as it has found its keys.
    assert measured(spark, lake, audit, nights[1], 7) == scratch[1]
    retire_measures(lake, age=AT_ONCE)
    retire_made(lake, age=AT_ONCE)
    assert measured(spark, lake, later, nights[1], 7) == scratch[1]
    read, taken = corpus_tables.read_frame, list[set[str]]()

    def read_late(session: SparkSession, store: Lake, table: TableSpec, **options: Any) -> DataFrame:
        if table == spec and not taken:
            there = standing(store, spec, "base-0")
            retire_measures(store, age=AT_ONCE)
            retire_made(store, age=AT_ONCE)
            taken.append(there - standing(store, spec, "base-0"))
        return read(session, store, table, **options)

    monkeypatch.setattr(corpus_tables, "read_frame", read_late)
    assert measured(spark, lake, audit, nights[2], 7) == scratch[2]
    assert taken[0], "the vacuum took what the run was about to read"
    assert taken[0] < standing(lake, spec, "base-0"), "which made it anew"
    assert measured(spark, lake, audit, nights[3], 7) == scratch[3]
