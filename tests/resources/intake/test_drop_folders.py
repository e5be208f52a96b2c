"""Drops found by their names."""

from functools import partial
from pathlib import Path

import pytest

from ops.intake.drop_files import DropError
from resources.intake import drop_folders
from resources.intake.drop_folders import drop_at, most_rows
from tests.support.costs import Costs


def fill(folder: Path, manifest: str = "") -> Path:
    folder.mkdir()
    (folder / "rows.jsonl").write_text("{}")
    (folder / "drop.yaml").write_text(manifest)
    return folder


def test_a_drop_may_be_called_otherwise_than_its_folder(tmp_path: Path):
    fill(tmp_path / "a", "name: flowers")
    fill(tmp_path / "flowers", "name: trees")
    assert drop_at(str(tmp_path), "flowers") == str(tmp_path / "a")
    assert drop_at(str(tmp_path), "trees") == str(tmp_path / "flowers")
    for name in ("a", "..", ".", "a/../a", "x" * 300, "a\0"):
        assert drop_at(str(tmp_path), name) is None


def test_finding_every_drop_opens_as_many_files_as_there_are_drops(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    costs = Costs(monkeypatch)
    for count in (10, 100):
        asked = costs.of(partial(find_all, tmp_path / str(count), count))
        assert asked["drop files opened"] == count


def find_all(folder: Path, count: int) -> None:
    folder.mkdir()
    for n in range(count):
        fill(folder / f"drop-{n}", "licence: CC0-1.0")
    for n in range(count):
        assert drop_at(str(folder), f"drop-{n}") == str(folder / f"drop-{n}")


def test_a_folder_that_is_not_there_is_said(tmp_path: Path):
    with pytest.raises(DropError, match="does not exist"):
        drop_at(str(tmp_path / "gone"), "x")


def test_rows_are_bounded_by_the_files_that_may_hold_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    drop = fill(tmp_path / "drop")
    (drop / "images").mkdir()
    (drop / "images" / "a.png").write_bytes(b"\0" * 100_000)
    assert most_rows(str(drop)) == 0
    rows = '{"image": "images/a.png", "caption": "A cat."}\n' * 500
    (drop / "rows.jsonl").write_text(rows)
    bound = most_rows(str(drop))
    assert bound is not None
    assert 500 <= bound <= 1000
    assert most_rows("s3://shelf/drop") is None
    assert most_rows(str(tmp_path / "gone")) is None
    monkeypatch.setattr(drop_folders, "_FEW_FILES", 2)
    assert most_rows(str(drop)) is None
