"""The watched folder: what is new is found, what waits is named, and a look costs what changed."""

import os
import time
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.intake.drop_files import DropError
from resources.intake import watched_folder
from resources.intake.watched_folder import Look, Memory, Sight, look_at
from tests.support.costs import Costs

NOTHING = Memory(0, 0.0, {})
HOUR = 3600.0


def fill(folder: Path, manifest: str = "") -> Path:
    folder.mkdir()
    (folder / "rows.jsonl").write_text("{}")
    (folder / "drop.yaml").write_text(manifest)
    return folder


def look(folder: Path, before: Memory = NOTHING, *, now: float = HOUR, again: int = 0) -> Look:
    return look_at(str(folder), before, now=now, again=again)


def test_a_broken_drop_hides_no_other(tmp_path: Path):
    fill(tmp_path / "good")
    fill(tmp_path / "a broken name")
    fill(tmp_path / "colour", "colour: red")
    os.mkfifo(fill(tmp_path / "pipe").joinpath("drop.yaml.new"))
    os.replace(tmp_path / "pipe" / "drop.yaml.new", tmp_path / "pipe" / "drop.yaml")
    result = look(tmp_path)
    assert (list(result.arrived), len(result.problems)) == (["good"], 3)


def test_two_folders_of_one_name_are_said_and_none_is_taken_until_one_is_renamed(tmp_path: Path):
    fill(tmp_path / "a", "name: flowers")
    fill(tmp_path / "b", "name: flowers")
    result = look(tmp_path)
    assert not result.arrived
    assert result.problems == ["flowers: 'a' and 'b' both call themselves that; rename one"]
    (tmp_path / "b" / "drop.yaml").write_text("name: trees")
    assert set(look(tmp_path, result.memory).arrived) == {"flowers", "trees"}


def test_what_was_seen_does_not_arrive_again_and_what_changed_does(tmp_path: Path):
    folder = fill(tmp_path / "a")
    first = look(tmp_path)
    assert not look(tmp_path, first.memory, again=1).arrived
    (folder / "rows.jsonl").write_text("{}\n{}")
    assert not look(tmp_path, first.memory).arrived, "nothing at the top of the folder tells"
    assert list(look(tmp_path, first.memory, again=1).arrived) == ["a"]
    (folder / "drop.yaml").write_text("licence: CC0-1.0")
    assert list(look(tmp_path, first.memory).arrived) == ["a"]


def test_a_new_reading_forgets_what_was_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    fill(tmp_path / "a")
    packed = look(tmp_path).memory.packed()
    assert not look(tmp_path, Memory.of(packed)).arrived
    monkeypatch.setattr(watched_folder, "READING", watched_folder.READING + 1)
    assert list(look(tmp_path, Memory.of(packed)).arrived) == ["a"]


def test_incomplete_folders_wait_and_are_overdue_once(tmp_path: Path):
    (tmp_path / "slow").mkdir()
    first = look(tmp_path, now=HOUR)
    assert (first.waiting, first.overdue(24)) == ({"slow": 0}, [])
    late = look(tmp_path, first.memory, now=26 * HOUR)
    assert (late.waiting, late.overdue(24)) == ({"slow": 25}, ["slow"])
    assert look(tmp_path, late.memory, now=27 * HOUR).overdue(24) == []
    (tmp_path / "slow" / "_SUCCESS").touch()
    complete = look(tmp_path, late.memory, now=28 * HOUR)
    assert (list(complete.arrived), complete.waiting) == (["slow"], {})


def test_a_folder_that_goes_before_it_is_complete_is_told_once(tmp_path: Path):
    (tmp_path / "slow").mkdir()
    fill(tmp_path / "done")
    first = look(tmp_path)
    (tmp_path / "slow").rmdir()
    os.rename(tmp_path / "done", tmp_path.with_name("moved"))
    second = look(tmp_path, first.memory)
    assert second.gone == ["slow"], "what was complete has been read"
    assert look(tmp_path, second.memory).gone == []


def test_a_look_opens_what_is_new(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    costs = Costs(monkeypatch)
    for count in (10, 100):
        folder = tmp_path / str(count)
        folder.mkdir()
        for n in range(count):
            fill(folder / f"drop-{n}")
        memory = look(folder).memory
        fill(folder / "new")
        assert costs.of(partial(look, folder, memory))["drops listed"] == 1
        assert costs.of(partial(look, folder, memory, again=5))["drops listed"] == 6


def test_every_folder_is_opened_again_in_turn(tmp_path: Path):
    folders = [fill(tmp_path / f"drop-{n}") for n in range(6)]
    memory = look(tmp_path).memory
    for folder in folders:
        (folder / "rows.jsonl").write_text("{}\n{}")
    arrived: list[str] = []
    for _ in range(3):
        result = look(tmp_path, memory, again=2)
        arrived += result.arrived
        memory = Memory.of(result.memory.packed())
    assert sorted(arrived) == [folder.name for folder in folders]


def test_a_folder_behind_an_address(tmp_path: Path):
    fill(tmp_path / "a")
    (tmp_path / "slow").mkdir()
    result = look_at(f"local://{tmp_path}", NOTHING, now=time.time())
    assert (list(result.arrived), list(result.waiting)) == (["a"], ["slow"])


def test_a_folder_that_is_not_there_is_said(tmp_path: Path):
    with pytest.raises(DropError, match="does not exist"):
        look(tmp_path / "gone")
    with pytest.raises(DropError, match="cannot be listed"):
        look_at(f"local://{tmp_path}/gone", NOTHING, now=0.0)


@given(
    st.dictionaries(
        st.text(), st.builds(Sight, st.text(), st.text(), st.text(), st.text(), st.floats(0), st.integers())
    )
)
def test_memory_is_kept_as_text(sights: dict[str, Sight]):
    memory = Memory(3, 1.5, sights)
    assert Memory.of(memory.packed()) == memory


@pytest.mark.parametrize("text", [None, "", "nonsense", "ÿ", "0" * 99])
def test_a_cursor_that_cannot_be_read_is_nothing_seen(text: str | None):
    assert Memory.of(text) == NOTHING
