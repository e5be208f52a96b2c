"""Exports of a real version: written once, continued, checked, and refused where they would do harm."""

import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from ops.core.schemas import DROPS, EXAMPLES
from ops.core.version_schemas import CURATED, CURRICULUM, VERSIONS
from ops.exports.contract import SFT, ExportError
from ops.exports.registry import all_exports
from ops.exports.sink import UNFINISHED
from resources.engines.progress import SilentProgress
from resources.export.checking import verify
from resources.export.export import export_version
from resources.export.records import MANIFEST
from resources.lake.tables import Lake
from tests.support.exported import Published, export

pytestmark = pytest.mark.usefixtures("ray_session")

SELF_CONTAINED = [name for name, item in all_exports().items() if name != "mds" and SFT in item.kinds]
"""Formats that need nothing but this environment."""
#: One of each way of writing: shards as they are, joined into one file, archives.
QUICK = ["jsonl", "ms_swift", "webdataset"]
JOINED = ("axolotl", "internvl", "llama_factory", "llava", "ms_swift", "qwen_vl")
"""Formats whose shards are joined into the files of a stage, so that no shard has a file of its own in the end."""


def test_weights_as_repeats(published: Published, tmp_path: Path):
    done = export(published, tmp_path / "out", "llava", repeats=2)
    rows = json.loads((tmp_path / "out" / "train.json").read_text("utf-8"))
    times = {row["id"]: sum(r["id"] == row["id"] for r in rows) for row in rows}
    assert times == {row.example_id: 2 * row.weight for row in published.learned() if "tool" not in row.roles}
    assert {row.weight for row in published.of("sft")} == {0.5, 1.0}
    assert done.rows["sft"] == len(rows)


@pytest.mark.full
def test_every_row_is_written_or_named(published: Published, tmp_path: Path):
    """In what the command prints, in the manifest and in the datasheet."""
    places = len(published.of("sft")) + len(published.of("preference"))
    left_out = 0
    for name in SELF_CONTAINED:
        done = export(published, tmp_path / name, name)
        left_out += len(done.left_out)
        assert sum(done.rows.values()) + sum(done.left_out.values()) == places, name
        assert json.loads((tmp_path / name / MANIFEST).read_text())["left_out"] == done.left_out
        page = (tmp_path / name / "datasheet.md").read_text("utf-8")
        for reason, count in done.left_out.items():
            assert f"- {count:,} rows were left out: {reason}." in page.replace("\\", "")
    assert left_out


def test_controls_are_exported_beside_the_curriculum(published: Published, tmp_path: Path):
    ids = {}
    for order in ("own", "random", "reversed"):
        export(published, tmp_path / order, "llava", order=order)
        stages = sorted((tmp_path / order).glob("sft/stage-*.json")) or sorted((tmp_path / order).glob("stage-*.json"))
        assert stages
        ids[order] = [[row["id"] for row in json.loads(path.read_text("utf-8"))] for path in stages]
        assert ("A control" in (tmp_path / order / "datasheet.md").read_text("utf-8")) == (order != "own")
    assert ids["reversed"] == ids["own"][::-1]
    assert sorted(chain(*ids["random"])) == sorted(chain(*ids["own"]))
    assert ids["random"] != ids["own"]
    with pytest.raises(ExportError, match="order own"):
        export(published, tmp_path / "own", "llava", order="random")


def test_nothing_leaves_the_folder(published: Published, tmp_path: Path):
    for name in SELF_CONTAINED:
        export(published, tmp_path / "all" / name, name)
    assert {path.name for path in tmp_path.iterdir()} == {"all"}
    for name in SELF_CONTAINED:
        folder = tmp_path / "all" / name
        listed = set(json.loads((folder / MANIFEST).read_text())["files"])
        there = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
        assert {one for one in there if not one.startswith("images/")} == listed | {MANIFEST}
        assert verify(folder) == []


def content(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


class Cut(SilentProgress):
    """Breaks one step off when more than so many rows of it are done."""

    def __init__(self, step: str, after: int) -> None:
        self.step, self.left = step, after

    @contextmanager
    def track(self, label: str, total: int | None = None) -> Iterator[Any]:
        def advance(n: int) -> None:
            self.left -= n if label == self.step else 0
            if self.left < 0:
                raise KeyboardInterrupt

        yield advance


@pytest.mark.parametrize(
    "to", QUICK + [pytest.param(to, marks=pytest.mark.full) for to in SELF_CONTAINED if to not in QUICK]
)
def test_a_broken_off_export_is_continued(published: Published, tmp_path: Path, to: str):
    whole = export(published, tmp_path / "whole", to)
    for step, after in (("Write pictures", 9), ("Sort rows into shards", 0), (f"Write {to}", 30), (f"Write {to}", 9)):
        with pytest.raises(KeyboardInterrupt):
            export(published, tmp_path / "out", to, progress=Cut(step, after))
        assert not (tmp_path / "out" / MANIFEST).exists()
    files = (
        path for path in (tmp_path / "out").rglob("*") if path.is_file() and re.search(r"(^|-)0000\d\.", path.name)
    )
    before = {path: path.stat().st_mtime_ns for path in files}
    done = export(published, tmp_path / "out", to)
    kept = [path for path, time in before.items() if path.exists() and path.stat().st_mtime_ns == time]
    assert kept or to in JOINED
    assert done == replace(whole, place=done.place)
    assert content(tmp_path / "out") == content(tmp_path / "whole")
    again = export(published, tmp_path / "out", to)
    assert again == replace(done, fresh=False)


def test_a_picture_that_went_while_an_export_was_broken_off_is_missed(published: Published, tmp_path: Path):
    """The listing of the folder is no proof of what was written; what a killed writer left is no picture."""
    with pytest.raises(KeyboardInterrupt):
        export(published, tmp_path / "out", "llava", progress=Cut("Write llava", 9))
    picture = next((tmp_path / "out" / "images").glob("*/*"))
    kept = picture.read_bytes()
    picture.rename(picture.with_name(f".{picture.name}.123"))
    with pytest.raises(ExportError, match=r"pictures were written, \d+ are there. Remove .*/out and export again"):
        export(published, tmp_path / "out", "llava")
    picture.write_bytes(kept)
    export(published, tmp_path / "out", "llava")
    assert verify(tmp_path / "out") == []


def test_a_part_that_went_while_an_export_was_broken_off_is_missed(published: Published, tmp_path: Path):
    """Shards that are finished and whose rows wait in a scratch part."""
    with pytest.raises(KeyboardInterrupt):
        export(published, tmp_path / "out", "ms_swift", progress=Cut("Write ms_swift", 40))
    next((tmp_path / "out" / UNFINISHED / "parts").iterdir()).unlink()
    with pytest.raises(ExportError, match=r"rows were written, \d+ are there. Remove .*/out and export again"):
        export(published, tmp_path / "out", "ms_swift")


def test_several_processes_write_the_same(published: Published, tmp_path: Path):
    export(published, tmp_path / "one", "hf")
    export(published, tmp_path / "two", "hf", workers=2)
    assert content(tmp_path / "one") == content(tmp_path / "two")


def test_a_folder_of_something_else_is_left_alone(published: Published, tmp_path: Path):
    export(published, tmp_path / "out", "jsonl")
    with pytest.raises(ExportError, match=r"holds another export: version 1 \(asked: 2\)"):
        export_version(published.lake, 2, to="jsonl", folder=tmp_path / "out", shard_rows=17, progress=SilentProgress())
    with pytest.raises(ExportError, match=r"holds another export: format jsonl \(asked: trl\)"):
        export(published, tmp_path / "out", "trl")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("keep")
    with pytest.raises(ExportError, match="is not empty and holds no export"):
        export(published, tmp_path / "mine", "trl")
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["notes.txt"]


def test_damage_is_found(published: Published, tmp_path: Path):
    export(published, tmp_path / "out", "llava")
    picture = next((tmp_path / "out" / "images").glob("*/*"))
    picture.write_bytes(b"other")
    (tmp_path / "out" / "stage-00.json").unlink()
    wrong = verify(tmp_path / "out")
    assert wrong == ["stage-00.json: is missing", f"{picture.relative_to(tmp_path / 'out')}: has changed"]


def test_only_what_is_published_is_exported(published: Published, tmp_path: Path):
    lake = published.lake
    row = lake.read(VERSIONS, where={"version": 1}).to_pylist()[0]
    row = {name: value for name, value in row.items() if name != "sequence"}
    lake.log(VERSIONS, lambda log: [{**row, "version": 9, "state": "candidate"}])
    with pytest.raises(ExportError, match="version 9 is candidate; only a published version"):
        export_version(lake, 9, to="trl", folder=tmp_path / "out", progress=SilentProgress())
    assert not (tmp_path / "out").exists()


def test_a_missing_picture_is_told(published: Published, tmp_path: Path):
    lake = Lake(tmp_path / "lake")
    for spec in (EXAMPLES, CURATED, CURRICULUM, DROPS):
        for value in set(published.lake.read(spec)[spec.partition_by[0]].to_pylist()) if spec.partition_by else []:
            where = {spec.partition_by[0]: value}
            lake.write(spec, published.lake.read(spec, where=where), partition=where, once=str(value))
    row = published.lake.read(VERSIONS, where={"version": 1}).to_pylist()[-1]
    lake.log(VERSIONS, lambda log: [{name: value for name, value in row.items() if name != "sequence"}])
    with pytest.raises(ExportError, match="pictures of the version are not in the lake's `images`, such as"):
        export_version(lake, 1, to="trl", folder=tmp_path / "out", progress=SilentProgress())


def test_the_command_says_what_it_wrote(published: Published, tmp_path: Path):
    from pipelines.app import app

    run = CliRunner()
    words = ["export", "1", str(tmp_path / "out"), "--to", "trl", "--lake", published.lake.root]
    done = run.invoke(app, [*words, "--check", "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["rows"] == {"preference": 48, "sft": len(published.learned())}
    assert run.invoke(app, [*words[:4], "csv", *words[5:]]).exit_code == 2
    other = run.invoke(app, ["export", "2", *words[2:]])
    assert other.exit_code == 1
    assert "holds another export" in other.stderr
