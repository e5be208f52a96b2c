"""`assay review` for a person and for a program: pages out, decisions in, and what `why` then says."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ops.core.schemas import EXAMPLES
from pipelines import question_commands, review_command  # noqa: F401  they add their commands to `app`
from pipelines.app import app
from resources.lake.tables import Lake
from tests.support.held_lake import lake_of_held


@pytest.fixture
def held(tmp_path: Path) -> tuple[Path, Lake, list[str]]:
    return tmp_path, *lake_of_held(tmp_path / "lake")


def call(folder: Path, *words: str | Path) -> tuple[int, str]:
    done = CliRunner().invoke(app, [*map(str, words), "--lake", str(folder / "lake")])
    return done.exit_code, " ".join(done.output.split())


def decided(lake: Lake, path: Path, *lines: str) -> Path:
    contents = {row["example_id"]: row["content_id"] for row in lake.read(EXAMPLES).to_pylist()}
    rows = [
        ",".join([line.split(",")[0], contents.get(line.split(",")[0], "c"), *line.split(",")[1:]]) for line in lines
    ]
    path.write_text("\n".join(["example_id,content_id,decision,why", *rows]), "utf-8")
    return path


def test_pages_are_written_and_decisions_are_taken(held: tuple[Path, Lake, list[str]]) -> None:
    folder, lake, ids = held
    status, text = call(folder, "review", "--out", folder / "out")
    assert (status, f"Version 1 holds {len(ids)} examples to look at." in text) == (0, True)
    path = decided(lake, folder / "d.csv", f"{ids[0]},keep,it is right", f"{ids[1]},drop,")
    assert call(folder, "review", "--take", path, "--by", "Ana") == (
        0,
        "Took 2 decisions. They count in the next version.",
    )
    assert "Took 0 decisions; 2 held already." in call(folder, "review", "--take", path, "--by", "Ana")[1]
    words = ["review", "1", "--json", "--out", str(folder), "--lake", str(folder / "lake")]
    printed = json.loads(CliRunner().invoke(app, words).output)
    assert (printed["examples"], printed["decided"]) == (len(ids) - 2, 2)
    answer = call(folder, "why", ids[0])[1]
    assert "Decided: keep, by Ana, " in answer
    assert "UTC: it is right (holds)" in answer


def test_a_file_with_a_wrong_row_is_taken_not_at_all(held: tuple[Path, Lake, list[str]]) -> None:
    folder, lake, ids = held
    path = decided(lake, folder / "d.csv", f"{ids[0]},keep,", "0000,drop,", f"{ids[1]},maybe,")
    status, text = call(folder, "review", "--take", path, "--by", "Ana")
    assert (status, "row 4: decision is 'maybe'" in text) == (1, True)
    path = decided(lake, folder / "d.csv", f"{ids[0]},keep,", "0000,drop,")
    status, text = call(folder, "review", "--take", path, "--by", "Ana")
    assert (status, "row 3: the lake has no example '0000'" in text) == (1, True)
    path.write_text(f"example_id,content_id,decision\n{ids[0]},other,keep\n", "utf-8")
    status, text = call(folder, "review", "--take", path, "--by", "Ana")
    assert (status, "has another content than was looked at" in text) == (1, True)
    status, text = call(folder, "review", "--take", path)
    assert (status, "Name them with --by" in text) == (1, True)
    assert "Decided" not in call(folder, "why", ids[0])[1]
