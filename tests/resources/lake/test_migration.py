"""Lakes of other formats are refused with the fix; an older one is migrated, also when it was stopped half-way."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from ops.core.errors import UnusableError
from ops.core.measure_schemas import MEASURES_GATES
from ops.core.schemas import DROP_FILES, DROPS
from resources.lake import migration
from resources.lake.file_counts import file_counts
from resources.lake.layout import FILE, FORMAT, format_of
from resources.lake.migration import migrate
from resources.lake.tables import Lake
from resources.storage.storage import Storage


@pytest.fixture
def older(tmp_path: Path) -> Lake:
    """A lake of format 1: counts of files in the log, a file of outcomes a delivery, and no name of the format."""
    lake = migration._OldLake(tmp_path / "older")
    counts = [{"file": name, "rows_in": n, "rows_kept": n, "rows_quarantined": 0} for n, name in ((3, "b"), (2, "a"))]
    row = {"drop": "d", "delivery": "d-1", "rows_in": 5, "files": counts}
    lake.log(migration._OLD_DROPS, lambda log: [row | {"state": "arrived"}, row | {"state": "admitted"}])
    for delivery in ("d-1", "e-1"):
        outcome = {"delivery": delivery, "audit": "boxes", "identity": "i", "limits": "l", "success": True}
        table = pa.Table.from_pylist([outcome], schema=MEASURES_GATES.schema)
        lake.write(migration._OLD_GATES, table, partition={"delivery": delivery}, once=delivery)
    (tmp_path / "older" / FILE).unlink()
    return Lake(lake.root)


def stands(lake: Lake) -> None:
    assert [(row["file"], row["rows_in"]) for row in file_counts(lake, ["d-1"])["d-1"]] == [("a", 2), ("b", 3)]
    assert [row["state"] for row in lake.read(DROPS).to_pylist()] == ["arrived", "admitted"]
    assert sorted(lake.read(MEASURES_GATES)["delivery"].to_pylist()) == ["d-1", "e-1"]
    assert json.loads((Path(lake.root) / FILE).read_text()) == {"format": FORMAT}


def test_an_older_lake_is_refused_until_it_is_migrated(older: Lake) -> None:
    with pytest.raises(UnusableError, match=r"format 1 of older code.*assay migrate --lake"):
        older.read(DROPS)
    with pytest.raises(UnusableError, match="assay migrate"):
        older.log(DROPS, lambda log: [{"drop": "new"}])
    assert migrate(older) == [
        "drop_files, from the log of drops: 2 rows",
        "gate_outcomes, from measures_gates: 2 rows",
        f"format 1 is now {FORMAT}",
    ]
    stands(older)
    assert migrate(older) == []
    assert older.read(DROP_FILES).num_rows == 2


def test_a_migration_that_was_stopped_goes_on(older: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(storage: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(migration, "write_format", killed)
    with pytest.raises(KeyboardInterrupt):
        migrate(older)
    monkeypatch.undo()
    with pytest.raises(UnusableError, match="assay migrate"):
        older.read(DROPS)
    assert migrate(older) == [f"format 1 is now {FORMAT}"]
    stands(older)


def test_a_newer_lake_is_refused(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "newer")
    (tmp_path / "newer").mkdir()
    (tmp_path / "newer" / FILE).write_text(json.dumps({"format": FORMAT + 1}))
    for question in (lambda: lake.read(DROPS), lambda: migrate(lake)):
        with pytest.raises(UnusableError, match=f"format {FORMAT + 1} of newer code.*update Assay"):
            question()


def test_a_new_lake_names_its_format_with_its_first_table(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "new")
    assert lake.version(DROPS) == -1
    assert not (tmp_path / "new").exists()
    lake.log(DROPS, lambda log: [{"drop": "a"}])
    assert json.loads((tmp_path / "new" / FILE).read_text()) == {"format": FORMAT}


def test_a_lake_that_another_writer_begins_between_two_looks_is_no_older_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = Lake(tmp_path / "new")
    read = Storage.read

    def late(storage: Storage, name: str) -> bytes | None:
        content = read(storage, name)
        monkeypatch.undo()
        lake.log(DROPS, lambda log: [{"drop": "of another writer"}])
        return content

    monkeypatch.setattr(Storage, "read", late)
    assert format_of(lake.storage) == FORMAT
