"""Measures of single deliveries that nothing needs are retired, and made anew where they are asked for once more."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from ops.audits.registry import all_audits
from ops.core.errors import MissingError
from ops.core.identity import canonical_json
from ops.core.measure_schemas import MEASURES_GATES
from ops.core.version_schemas import VERSIONS
from resources.config.settings import Settings
from resources.engines.progress import SilentProgress
from resources.lake.tables import Lake
from resources.measuring.delivery_retention import retire_delivery_measures
from resources.measuring.recorded import once
from resources.versions.candidates import build_candidate

AUDIT = all_audits()["modality"]
AT_ONCE = timedelta(0)


def measured(lake: Lake, identity: str, *, delivery: str = "a-0", at: datetime | None = None) -> None:
    """As a run leaves it: two rows, and, where it was reached, their gate's outcome."""
    made = pa.table({name: pa.nulls(2, AUDIT.table.schema.field(name).type) for name in AUDIT.table.schema.names})
    partition = {"delivery": delivery, "identity": identity}
    staged = lake.stage(AUDIT.table, made.drop_columns(list(partition)), partition)
    lake.commit(AUDIT.table, staged, once=once(delivery, identity))
    if at is not None:
        outcome = {"delivery": delivery, "at": at, "audit": AUDIT.name, "identity": identity}
        table = pa.Table.from_pylist([outcome], schema=MEASURES_GATES.schema)
        lake.write(MEASURES_GATES, table, partition={}, once=f"{delivery}/{identity}")


def standing(lake: Lake, delivery: str = "a-0") -> set[str]:
    names = {once(delivery, identity): identity for identity in ("one", "two", "three", "four")}
    return {names[name] for name in lake.committed_of(AUDIT.table, names)}


def test_what_nothing_needs_is_retired(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    for identity in ("one", "two", "three"):
        measured(lake, identity, at=datetime.now(UTC))
    measured(lake, "four")
    measured(lake, "one", delivery="b-0", at=datetime.now(UTC))
    row = {"version": 1, "state": "published", "at": datetime.now(UTC), "tables": "{}", "deliveries": ["a-0"]}
    lake.log(VERSIONS, lambda _: [row | {"measures": canonical_json({AUDIT.name: "one"})}])
    assert retire_delivery_measures(lake).partitions == 0, "a run may be about to pin what is young"
    promised = retire_delivery_measures(lake, age=AT_ONCE, dry_run=True)
    assert standing(lake) == {"one", "two", "three", "four"}
    done = retire_delivery_measures(lake, age=AT_ONCE)
    assert (done.partitions, done.rows) == (1, 2)
    assert done == promised
    assert standing(lake) == {"one", "three", "four"}, (
        "a version pins the first, the third is the last, a gate is yet due"
    )
    assert standing(lake, "b-0") == {"one"}
    assert retire_delivery_measures(lake, age=AT_ONCE).partitions == 0


def test_what_was_made_anew_is_young_again(tmp_path: Path) -> None:
    """Who goes back to earlier settings makes the measures anew, and their gate has nothing new to say."""
    lake = Lake(tmp_path)
    before = datetime.now(UTC) - timedelta(days=8)
    for n, identity in enumerate(("one", "two")):
        measured(lake, identity, at=before + timedelta(seconds=n))
    assert retire_delivery_measures(lake).partitions == 0
    for part in lake.parts(AUDIT.table):
        os.utime(Path(lake.root, AUDIT.table.name, part.path), (before.timestamp(), before.timestamp()))
    assert retire_delivery_measures(lake).partitions == 1
    assert standing(lake) == {"two"}


def test_no_version_is_made_without_what_was_retired_meanwhile(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    for identity in ("one", "two"):
        measured(lake, identity, at=datetime.now(UTC))
    assert retire_delivery_measures(lake, age=AT_ONCE).partitions == 1
    with pytest.raises(MissingError, match=r"not measured by modality any more.*assay run"):
        build_candidate(
            lake,
            deliveries=["a-0"],
            measures={AUDIT.name: "one"},
            settings=Settings(),
            code="c",
            encoder="e",
            progress=SilentProgress(),
        )
