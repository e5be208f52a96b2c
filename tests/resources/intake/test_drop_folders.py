"""A watched folder: what is wrong with one drop in it concerns no other."""

import os
from functools import partial
from pathlib import Path

import pytest

from ops.intake.drop_files import DropError
from resources.intake import drop_folders
from resources.intake.drop_folders import complete_drops, drop_at
from tests.support.costs import Costs


def fill(folder: Path, manifest: str = "") -> Path:
    folder.mkdir()
    (folder / "rows.jsonl").write_text("{}")
    (folder / "drop.yaml").write_text(manifest)
    return folder


def test_a_broken_drop_hides_no_other(tmp_path: Path):
    fill(tmp_path / "good")
    fill(tmp_path / "a broken name")
    fill(tmp_path / "colour", "colour: red")
    os.mkfifo(fill(tmp_path / "pipe").joinpath("drop.yaml.new"))
    os.replace(tmp_path / "pipe" / "drop.yaml.new", tmp_path / "pipe" / "drop.yaml")
    stamps, problems = complete_drops(str(tmp_path))
    assert list(stamps) == ["good"]
    assert len(problems) == 3
    assert drop_at(str(tmp_path), "good") == str(tmp_path / "good")
    assert drop_at(str(tmp_path), "colour") is None


def test_two_folders_of_one_name_are_said_and_none_is_taken(tmp_path: Path):
    fill(tmp_path / "a", "name: flowers")
    fill(tmp_path / "b", "name: flowers")
    stamps, problems = complete_drops(str(tmp_path))
    assert stamps == {}
    assert problems == ["flowers: 'a' and 'b' both call themselves that; rename one"]


def test_a_new_reading_is_another_stamp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    fill(tmp_path / "a")
    before = complete_drops(str(tmp_path))
    assert complete_drops(str(tmp_path)) == before
    monkeypatch.setattr(drop_folders, "READING", drop_folders.READING + 1)
    assert complete_drops(str(tmp_path))[0].keys() == before[0].keys()
    assert complete_drops(str(tmp_path)) != before


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
