"""Prompts of RL go out as each trainer reads them and come back as they went in: the same texts, truths and pictures,
in the order of the curriculum; and in no file of SFT or of preferences."""

import json
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pytest

from ops.audits.registry import all_audits
from ops.core.schemas import EXAMPLES
from ops.core.version_schemas import CURRICULUM
from ops.exports.contract import PROMPT
from ops.exports.registry import all_exports
from ops.formats.containers.contract import Limits, Probe
from ops.formats.registry import container_of, format_of
from ops.intake.drop_files import DropFiles
from ops.intake.row import CONTEXT, Row
from ops.intake.rows import IngestSettings, check_row
from ops.text.placeholders import MEDIA, PLACEHOLDER, without_placeholders
from resources.export.checking import verify
from resources.lake.tables import Lake
from tests.support.exported import pixels
from tests.support.layouts import CHAT
from tests.support.prompt_drops import prompt_rows, publish_prompts
from tests.support.prompt_exports import LEFT_OUT, carried, exported

pytestmark = pytest.mark.usefixtures("ray_session")

TO = [name for name, item in all_exports().items() if PROMPT in item.kinds]
ENDS = ("ground_truth", "rollout")
LIMITS = Limits(32 << 20, 200)


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    root = tmp_path_factory.mktemp("prompts")
    (root / "sft").mkdir()
    (root / "sft" / "chat.jsonl").write_text(json.dumps({"id": "sft", "messages": CHAT}))
    return publish_prompts(root, beside=root / "sft")


def read_back(folder: Path) -> list[tuple[Row, list[bytes]]]:
    """Each row of the exported files as ingest reads it, and its pictures."""
    files = DropFiles(str(folder))
    rows: list[tuple[Row, list[bytes]]] = []
    for path in sorted((folder / "prompt").iterdir()):
        name = f"prompt/{path.name}"
        container = container_of(Probe(name, files.head(name)))
        assert container
        shards = container.split(files, name, 1 << 30, LIMITS)
        records = [record.fields or {} for shard in shards for record in container.read(files, shard, LIMITS)]
        form = format_of(records)
        assert form
        for record in records:
            row = check_row(form.parse(record), IngestSettings())
            pictures = [one.data if one.data is not None else (folder / one.path).read_bytes() for one in row.images]
            rows.append((row, pictures))
    return rows


@pytest.mark.parametrize("to", TO)
def test_prompts_come_back_as_they_went_out(lake: Lake, tmp_path: Path, to: str):
    made = exported(lake, tmp_path / to, to)
    known = {row["id"] for rows in prompt_rows().values() for row in rows} | {"table"}
    wanted = carried(lake, to)
    assert {row["source_id"] for row in wanted} == known - LEFT_OUT[to]
    back = [(row, shown) for row, shown in read_back(tmp_path / to) if row.metadata["source_id"] in known]
    assert [row.metadata["source_id"] for row, _ in back] == [row["source_id"] for row in wanted]
    for (row, pictures), lake_row in zip(back, wanted, strict=True):
        assert row.kind == "prompt"
        assert row.prompt
        assert row.prompt.ground_truth == lake_row["ground_truth"]
        assert row.prompt.data_source == (lake_row["data_source"] or lake_row["dataset"])
        turns = [(m.role, with_placeholders(m.text)) for m in row.messages if m.role not in ENDS]
        if to == "easyr1":
            assert turns == [("user", "\n".join(text for _, text in lake_row["said"]))]
        else:
            assert turns == lake_row["said"]
        assert pictures == lake_row["pictures"]
    assert verify(tmp_path / to) == []
    assert sum(made.left_out.values()) == len(LEFT_OUT[to]) + 1, "and the example of SFT"


def test_prompts_that_are_solved_more_often_come_first(lake: Lake):
    rates = {row["example_id"]: row["pass_rate"] for row in lake.read(all_audits()["pass_rate"].table).to_pylist()}
    names = {row["example_id"]: row["source_id"] for row in lake.read(EXAMPLES).to_pylist()}
    places = {names[row["example_id"]]: row for row in lake.read(CURRICULUM).to_pylist()}
    known = {names[key]: rate for key, rate in rates.items() if rate is not None}
    assert known == {"one": 0.5, "json-0": 0.0, "table": 0.5}
    assert places["json-0"]["difficulty"] == 1
    assert places["one"]["difficulty"] == places["table"]["difficulty"] == 0.25
    assert 0 <= places["open"]["difficulty"] <= 1


def test_verl_carries_rollouts_and_other_columns(lake: Lake, tmp_path: Path):
    exported(lake, tmp_path / "verl", "verl")
    rows = {row.metadata["source_id"]: row for row, _ in read_back(tmp_path / "verl")}
    prompt = rows["one"].prompt
    assert prompt
    assert [(rollout.response, rollout.reward) for rollout in prompt.rollouts] == [("3", 1.0), ("4", 0.0)]
    extra = json.loads(rows["one"].metadata["extra_info"]["extra"])
    assert extra == {"ability": "counting", "extra_info": {"index": 7, "split": "train"}}
    assert rows["turns"].messages[1].role == CONTEXT


def test_hugging_face_datasets_reads_what_verl_and_easyr1_load(lake: Lake, tmp_path: Path):
    for to in ("verl", "easyr1", "trl_grpo"):
        exported(lake, tmp_path / to, to)
        files = sorted(map(str, (tmp_path / to / "prompt").glob("*.parquet")))
        loaded: Any = datasets.load_dataset(
            "parquet", data_files=files, split="train", cache_dir=str(tmp_path / "cache")
        )
        wanted = carried(lake, to)
        assert [row["source_id"] for row in loaded] == [row["source_id"] for row in wanted]
        for row, lake_row in zip(loaded, wanted, strict=True):
            shapes = [pixels(data).tolist() for data in lake_row["pictures"]]
            assert [pixels_of(image) for image in row["images"]] == shapes
            asked = row["problem"] if to == "easyr1" else json.dumps(row["prompt"])
            mark = '"type": "image"' if to == "trl_grpo" else PLACEHOLDER
            assert asked.count(mark) == len(row["images"])


def with_placeholders(text: str) -> str:
    """The text with its literal placeholders as they were delivered."""
    for tag in MEDIA:
        text = text.replace(without_placeholders(tag), tag)
    return text


def pixels_of(image: Any) -> Any:
    return np.asarray(image.convert("RGB")).tolist()


@pytest.mark.parametrize("to", ["trl", "jsonl", "llava"])
def test_other_exports_leave_prompts_out_and_say_so(lake: Lake, tmp_path: Path, to: str):
    made = exported(lake, tmp_path / to, to)
    assert made.rows == {"sft": 1}
    assert [(why.partition(":")[0], count) for why, count in made.left_out.items()] == [("prompt", 13)]
    texts = b"".join(path.read_bytes() for path in (tmp_path / to).rglob("*") if path.suffix in (".json", ".jsonl"))
    assert b"How many?" not in texts
