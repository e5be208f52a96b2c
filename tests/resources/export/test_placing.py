"""An export to a store: the same files as in a folder, continued where it was broken off, and nothing left behind."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from ops.audits.registry import all_audits
from ops.core.schemas import DROPS, EXAMPLES
from ops.decision.policy import Policy
from ops.evidence.inputs import RowInputs
from ops.exports.contract import ExportError
from resources.config.settings import load_settings
from resources.engines.progress import SilentProgress
from resources.export.checking import verify
from resources.export.export import Exported, export_version
from resources.export.placing import export_to
from resources.export.records import CLAIM, MANIFEST
from resources.lake.tables import Lake
from resources.storage.storage import Storage
from resources.versions.publishing import publish
from tests.support.stores import s3_store
from tests.support.versions import NOTHING, build, example, write_measures

pytestmark = pytest.mark.full


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    with s3_store() as store:
        for name, value in store.variables.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
        yield store.address


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """A published version without pictures: no engine is needed."""
    lake = Lake(tmp_path / "lake")
    rows = [{**example("a", "a-1", n, f"answer {n}"), "image_ids": []} for n in range(40)]
    lake.write(EXAMPLES, pa.Table.from_pylist(rows, schema=EXAMPLES.schema), partition={"delivery": "a-1"}, once="a-1")
    state = {"at": datetime.now(UTC), "drop": "a", "delivery": "a-1", "state": "admitted", "rows_kept": len(rows)}
    lake.log(DROPS, lambda log: [state])
    table = pa.Table.from_pylist(rows, schema=EXAMPLES.schema)
    measured = all_audits()["difficulty"].measure(RowInputs(table, NOTHING, NOTHING, NOTHING, NOTHING), None)
    write_measures(lake, "difficulty", "d0", measured.to_pylist(), delivery="a-1")
    settings = replace(load_settings(), policy=Policy(()))
    publish(lake, build(lake, settings, deliveries=["a-1"], measures={"difficulty": "d0"}), {})
    return lake


def exported(lake: Lake, place: str, to: str = "jsonl") -> Exported:
    progress = SilentProgress()

    def write(folder: str | Path) -> Exported:
        return export_version(lake, 1, to=to, folder=folder, progress=progress, shard_rows=7)

    return export_to(place, write, progress)


def files_of(storage: Storage) -> dict[str, bytes | None]:
    return {name: storage.read(name) for name in storage.sizes()}


def test_a_store_gets_what_a_folder_gets(lake: Lake, bucket: str, tmp_path: Path) -> None:
    place = f"{bucket}/for training/llava"
    done = exported(lake, place)
    assert (done.place, done.fresh) == (place, True)
    exported(lake, str(tmp_path / "folder"))
    assert files_of(Storage.at(place)) == files_of(Storage.at(tmp_path / "folder"))
    assert verify(place) == []
    assert not exported(lake, place).fresh
    with pytest.raises(ExportError, match=rf"{place}: holds another export: format jsonl \(asked: trl\)"):
        exported(lake, place, to="trl")
    assert [path for path in (tmp_path / "state").rglob("*") if path.is_file()] == []


def test_what_is_not_whole_is_continued_and_what_changed_is_told(lake: Lake, bucket: str) -> None:
    place = f"{bucket}/llava"
    storage = Storage.at(place)
    exported(lake, place)
    whole = files_of(storage)
    # As it is where sending was broken off, and another machine goes on.
    storage.write(CLAIM, json.dumps(json.loads(whole[MANIFEST] or b"")["export"]).encode())
    storage.remove(MANIFEST)
    storage.write("datasheet.md", b"half")
    storage.remove("sft")
    done = exported(lake, place)
    assert done.fresh
    assert files_of(storage) == whole
    storage.write("datasheet.md", b"[]")
    assert verify(place) == ["datasheet.md: has changed"]


def test_a_folder_of_something_else_is_left_alone(lake: Lake, bucket: str) -> None:
    storage = Storage.at(f"{bucket}/mine")
    storage.write("thesis.txt", b"years of work")
    with pytest.raises(ExportError, match="is not empty and holds no export"):
        exported(lake, storage.root)
    assert files_of(storage) == {"thesis.txt": b"years of work"}
