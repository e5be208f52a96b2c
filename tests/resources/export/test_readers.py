"""Exports of a real version, read back with the readers that trainers use and compared with the lake itself."""

import hashlib
import io
import json
from pathlib import Path
from typing import Any

import datasets
import pytest
import webdataset
from PIL import Image
from torch.utils.data import DataLoader, Dataset, SequentialSampler
from trl.data_utils import (
    is_conversational,
    maybe_convert_to_chatml,
    maybe_extract_prompt,
    prepare_multimodal_messages,
)

from resources.export.checking import verify
from tests.support.exported import Published, export, same_pictures
from tests.support.mds_rows import load_mds, mds_python

pytestmark = [pytest.mark.full, pytest.mark.usefixtures("ray_session")]

UNLEARNED = {
    "an answer carries no loss, which the format cannot say": 1,
    "an answer has a loss weight of its own, which the format cannot say": 1,
}


class LlavaDataset(Dataset[dict[str, Any]]):
    """Reads rows as LLaVA's trainer does: pictures by path below the image folder, one for each placeholder."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder
        self.rows = json.loads((folder / name).read_text("utf-8"))

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, at: int) -> dict[str, Any]:
        row = self.rows[at]
        names = row.get("image", [])
        names = [names] if isinstance(names, str) else names
        speakers = [turn["from"] for turn in row["conversations"]]
        assert speakers == ["human", "gpt"] * (len(speakers) // 2)
        assert sum(turn["value"].count("<image>") for turn in row["conversations"]) == len(names)
        return {**row, "pictures": [Image.open(self.folder / name) for name in names]}


def test_llava_keeps_the_order_through_a_loader(published: Published, tmp_path: Path):
    done = export(published, tmp_path / "out", "llava")
    wanted = [row for row in published.learned() if "tool" not in row.roles]
    others = {"preference: llava holds sft alone": len(published.of("preference"))}
    assert done.left_out == {"LLaVA's conversations have no turns of tools": 1, **UNLEARNED, **others}
    assert done.rows == {"sft": len(wanted)}
    stages = sorted({row.stage for row in wanted})
    loaded: list[dict[str, Any]] = []
    for stage in stages:
        rows = LlavaDataset(tmp_path / "out", f"stage-{stage:02d}.json")
        loader = DataLoader(rows, batch_size=4, sampler=SequentialSampler(rows), collate_fn=list)
        loaded += [row for batch in loader for row in batch]
    assert [(row["id"], row["stage"], row["position"], row["weight"]) for row in loaded] == [
        (row.example_id, row.stage, row.position, row.weight) for row in wanted
    ]
    assert all(same_pictures(one["pictures"], row) for one, row in zip(loaded, wanted, strict=True))
    answers = [[t["value"] for t in one["conversations"] if t["from"] == "gpt"] for one in loaded]
    assert all(set(said) <= set(row.texts) for said, row in zip(answers, wanted, strict=True))
    whole = json.loads((tmp_path / "out" / "train.json").read_text("utf-8"))
    assert [row["id"] for row in whole] == [row["id"] for row in loaded]
    assert "Reject me" not in (tmp_path / "out" / "train.json").read_text("utf-8")


@pytest.mark.parametrize("streaming", [False, True])
def test_hf_datasets_loads_stages_and_the_whole(
    published: Published, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, streaming: bool
):
    monkeypatch.setattr(datasets.config, "HF_DATASETS_OFFLINE", True)
    export(published, tmp_path / "out", "hf")

    def load(name: str, split: str) -> list[dict[str, Any]]:
        where = {"cache_dir": str(tmp_path / "cache"), "streaming": streaming}
        loaded = datasets.load_dataset(str(tmp_path / "out"), name, split=split, **where)
        assert loaded.features["images"].feature == datasets.Image()
        return list(loaded)

    compare_sft(load("sft", "train"), published)
    staged = [row for stage in range(4) for row in load("sft_stages", f"stage_{stage:02d}")]
    compare_sft(staged, published)
    compare_pairs(load("preference", "train"), published)
    (unpaired,) = load("unpaired", "train")
    assert (unpaired["source_id"], unpaired["label"]) == ("labelled", False)
    assert unpaired["completion"][0]["content"] == [{"type": "text", "text": "It is."}]


def test_trl_parquet_has_its_forms(published: Published, tmp_path: Path):
    done = export(published, tmp_path / "out", "trl")
    assert done.left_out == {"no response is better than another": 1, **UNLEARNED}

    def load(table: str) -> list[dict[str, Any]]:
        files = [str(path) for path in sorted((tmp_path / "out" / table).glob("*.parquet"))]
        loaded = datasets.load_dataset("parquet", data_files=files, split="train", cache_dir=str(tmp_path / "cache"))
        return list(loaded)

    compare_sft(load("sft"), published)
    compare_pairs(load("preference"), published)
    for row in [*load("sft"), *load("preference"), *load("unpaired")]:
        check_as_trl_does(row)


def check_as_trl_does(row: dict[str, Any]) -> None:
    """TRL's own reading of a row: it is conversational, its roles are ChatML's and its prompt is apart already, and
    each image part takes the next of the images (TRL raises where their numbers differ)."""
    assert is_conversational(row)
    assert maybe_convert_to_chatml(row) == maybe_extract_prompt(row) == row
    turns = row["messages"] if "messages" in row else [*row["prompt"], *row.get("chosen", row.get("completion"))]
    parts = [p for turn in prepare_multimodal_messages(turns, row["images"]) for p in turn["content"]]
    assert [p["image"] for p in parts if p["type"] == "image"] == row["images"]


def compare_sft(loaded: list[dict[str, Any]], published: Published) -> None:
    wanted = published.learned()
    assert [(r["example_id"], r["stage"], r["position"], r["weight"], r["source_id"]) for r in loaded] == [
        (r.example_id, r.stage, r.position, r.weight, r.source_id) for r in wanted
    ]
    for record, row in zip(loaded, wanted, strict=True):
        parts = [part for turn in record["messages"] for part in turn["content"]]
        assert [turn["role"] for turn in record["messages"]] == row.roles
        assert [part["text"] for part in parts if part["type"] == "text"] == row.texts
        assert sum(part["type"] == "image" for part in parts) == len(row.pictures)
        assert same_pictures(record["images"], row)
        assert not {"chosen", "rejected", "response"} & set(row.roles)


def compare_pairs(loaded: list[dict[str, Any]], published: Published) -> None:
    wanted = [row for row in published.of("preference") if row.source_id not in ("tied", "labelled")]
    assert [(r["example_id"], r["position"]) for r in loaded] == [(r.example_id, r.position) for r in wanted]
    for record, row in zip(loaded, wanted, strict=True):
        sides = [record[side][0]["content"][0]["text"] for side in ("chosen", "rejected")]
        assert sides == (["five", "one"] if row.source_id == "rated" else row.texts[-2:])
        assert record["prompt"][-1]["role"] == "user"
        assert same_pictures(record["images"], row)


def test_webdataset_reads_the_tars_in_order(published: Published, tmp_path: Path):
    export(published, tmp_path / "out", "webdataset")
    files = [str(path) for path in sorted((tmp_path / "out").glob("sft-*.tar"))]
    samples = list(webdataset.WebDataset(files, shardshuffle=False).decode("pil"))
    loaded: list[dict[str, Any]] = []
    learned = {row.position for row in published.learned()}
    places = [place for place, row in enumerate(published.of("sft")) if row.position in learned]
    for place, sample in zip(places, samples, strict=True):
        assert sample["__key__"] == f"{place:012d}"
        names = sorted(name for name in sample if name.split(".")[-1] in ("png", "jpg", "webp"))
        loaded.append({**sample["json"], "images": [opened(sample[name]) for name in names]})
    compare_sft(loaded, published)


def opened(value: Any) -> Any:
    """`decode("pil")` leaves formats that it does not know as bytes."""
    return Image.open(io.BytesIO(value)) if isinstance(value, bytes) else value


def test_json_lines_hold_every_response(published: Published, tmp_path: Path):
    done = export(published, tmp_path / "out", "jsonl")
    assert done.left_out == UNLEARNED
    rows = [
        json.loads(line)
        for path in sorted((tmp_path / "out" / "preference").iterdir())
        for line in path.read_bytes().splitlines()
    ]
    assert [row["position"] for row in rows] == [row.position for row in published.of("preference")]
    (rated,) = [row for row in rows if row["source_id"] == "rated"]
    assert [(one["text"], one["rating"]) for one in rated["responses"]] == [("one", 0.2), ("five", 1.0), ("three", 0.6)]
    for path in (tmp_path / "out" / "sft").iterdir():
        assert b"Reject me" not in path.read_bytes()
    for path in (tmp_path / "out" / "images").glob("*/*"):
        assert hashlib.sha256(path.read_bytes()).hexdigest() == path.stem


def test_mosaicml_streaming_reads_stages_and_the_whole(published: Published, tmp_path: Path):
    mds_python()
    done = export(published, tmp_path / "out", "mds")
    assert done.rows["sft"] == len(published.learned())
    assert verify(tmp_path / "out") == []

    def load(name: str) -> list[dict[str, Any]]:
        rows = load_mds(tmp_path / "out" / name)
        return [{**row, "images": [Image.open(io.BytesIO(data)) for data in row["images"]]} for row in rows]

    compare_sft(load("sft"), published)
    first = [row.example_id for row in published.learned() if row.stage == 0]
    assert [row["example_id"] for row in load("sft/stage-00")] == first
    judged = load("preference")
    assert [row["label"] for row in judged if row["table"] == "unpaired"] == [False]
    compare_pairs([row for row in judged if row["table"] == "preference"], published)
