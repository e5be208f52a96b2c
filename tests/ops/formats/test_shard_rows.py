"""What becomes of a record in which Assay itself fails."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from ops.formats.containers.contract import Limits
from ops.formats.contract import Format
from ops.formats.registry import all_containers, all_formats
from ops.formats.shard_rows import INTERNAL, ImageReader, Outcome, outcomes
from ops.intake.drop_files import DropError, open_drop
from ops.intake.row import Row
from ops.intake.rows import IngestSettings
from tests.support.layouts import ASK
from tests.support.row_mutations import WRITERS

SETTINGS = IngestSettings()


def faulty(record: Mapping[str, Any]) -> Row:
    """A format as somebody may write one: it looks for what is not there."""
    fault = record.get("fault")
    if fault == "stop":
        next(iter(()))
    if fault == "key":
        return record["no such field"]
    if fault == "drop":
        raise DropError("the disk is gone")
    return all_formats()["llava"].parse(record)


FAULTY = Format(name="faulty", title="Faulty", recognise=lambda _: True, parse=faulty, kinds=("sft",))


def read(folder: Path, name: str, container: str) -> list[Outcome]:
    files = open_drop(folder)
    limits = Limits(SETTINGS.max_row_bytes, SETTINGS.max_expansion)
    (shard,) = all_containers()[container].split(files, name, 1 << 30, limits)
    images = ImageReader(files, (".",), SETTINGS)
    results = outcomes(files, shard, container=container, form=FAULTY, dataset="", images=images, settings=SETTINGS)
    return list(results)


def talk(number: int, **more: str) -> dict[str, Any]:
    turns = [{"from": "human", "value": "What?"}, ASK[1]]
    return {"id": str(number), "conversations": turns, **more}


@pytest.mark.parametrize(
    ("name", "container"), [("rows.jsonl", "json_lines"), ("rows.json", "json_array"), ("rows.jsonl.gz", "json_lines")]
)
def test_a_fault_of_assay_costs_its_row_and_is_named(tmp_path: Path, name: str, container: str):
    WRITERS[name](tmp_path / name, [talk(0), talk(1, fault="key"), talk(2), talk(3, fault="stop"), talk(4)])
    results = read(tmp_path, name, container)
    assert [one.parsed["row"] for one in results if one.parsed] == [0, 2, 4]
    refused = [one.refused for one in results if one.refused]
    assert [(row["row"], row["reason"], row["source_id"]) for row in refused] == [
        (1, INTERNAL, "1"),
        (3, INTERNAL, "3"),
    ]
    assert [row["detail"] for row in refused] == ["KeyError: 'no such field'", "StopIteration: "]
    assert json.loads(refused[0]["raw"])["fault"] == "key"


def test_a_drop_that_cannot_be_read_is_no_fault_of_its_rows(tmp_path: Path):
    WRITERS["rows.jsonl"](tmp_path / "rows.jsonl", [talk(0), talk(1, fault="drop")])
    with pytest.raises(DropError, match="the disk is gone"):
        read(tmp_path, "rows.jsonl", "json_lines")
