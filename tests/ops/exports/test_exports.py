"""Exports without a lake: where examples stand, what their texts become, and files that stay in their folder."""

import json
import tarfile
from collections import Counter
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ops.core.identity import image_id
from ops.exports.contract import ExportError, Judged, Member, Picture, Shard, ShardDone
from ops.exports.conversation import Pair, pair_of, refuse_unjudged, refuse_unlearned, written_message
from ops.exports.croissant import croissant
from ops.exports.datasheet import datasheet, plain
from ops.exports.llava import row as llava_row
from ops.exports.plan import plan
from ops.exports.registry import all_exports, export_of
from ops.exports.rows import table_row
from ops.exports.sink import UNFINISHED, Sink
from ops.formats.fields import turns
from ops.intake.row import Message, Part
from tests.support.examples import examples
from tests.support.export_facts import FACTS, member


def tables(rows: list[tuple[str, int, int, float]]) -> tuple[pa.Table, pa.Table]:
    """The `curated` and `curriculum` of rows (kind, stage, position, weight), each an example of its own."""
    ids = [f"{n:032x}" for n in range(len(rows))]
    curated = pa.table(
        {
            "example_id": pa.array(ids, pa.string()),
            "kind": pa.array([row[0] for row in rows], pa.string()),
            "weight": pa.array([row[3] for row in rows], pa.float64()),
            "soft_label": pa.nulls(len(rows), pa.float64()),
        }
    )
    curriculum = pa.table(
        {
            "example_id": pa.array(ids, pa.string()),
            "stage": pa.array([row[1] for row in rows], pa.int32()),
            "position": pa.array([row[2] for row in rows], pa.int64()),
        }
    )
    return curated, curriculum


@st.composite
def versions(draw: st.DrawFn) -> list[tuple[str, int, int, float]]:
    count = draw(st.integers(0, 40))
    positions = draw(st.permutations(range(count)))
    kinds = st.sampled_from(["sft", "preference"])
    return [(draw(kinds), p * 3 // max(1, count), p, draw(st.floats(0, 1))) for p in positions]


@given(versions(), st.integers(0, 3), st.integers(1, 7))
@settings(max_examples=examples(80), deadline=None)
def test_every_place_comes_once_in_order(rows: list[tuple[str, int, int, float]], repeats: int, shard_rows: int):
    planned = plan(*tables(rows), repeats=repeats, shard_rows=shard_rows)
    expected = sorted((kind, stage, position) for kind, stage, position, _ in rows)
    first: list[tuple[str, int, int]] = []
    copies: Counter[int] = Counter()
    for shard, places in planned.shards:
        assert 0 < places.num_rows == shard.rows <= shard_rows
        for place in places.to_pylist():
            copies[place["position"]] += 1
            if place["copy"] == 0:
                first.append((shard.kind, shard.stage, place["position"]))
    for kind in ("sft", "preference"):
        orders = [o for shard, places in planned.shards if shard.kind == kind for o in places["order"].to_pylist()]
        assert orders == list(range(len(orders)))
    if not repeats:
        assert first == expected
        return
    assert first == [place for place in expected if copies[place[2]]]
    assert sum(planned.without_place.values()) == len(rows) - len(first)
    for _, _, position, weight in rows:
        assert copies[position] in (np.floor(weight * repeats), np.ceil(weight * repeats))


def test_repeats_add_up_and_stand_apart():
    rows = [("sft", 0, n, 0.3) for n in range(4000)]
    planned = plan(*tables(rows), repeats=5, shard_rows=1000)
    assert sum(shard.rows for shard, _ in planned.shards) == pytest.approx(4000 * 1.5, rel=0.02)
    ids = [one for _, places in planned.shards for one in places["example_id"].to_pylist()]
    assert all(one != other for one, other in pairwise(ids))


def test_a_place_without_a_member_is_an_error():
    curated, curriculum = tables([("sft", 0, 0, 1.0), ("sft", 0, 1, 1.0)])
    with pytest.raises(ExportError, match="1 places of the curriculum hold no member"):
        plan(curated.slice(1), curriculum, repeats=0, shard_rows=10)


@pytest.mark.parametrize(
    "text",
    [
        "<image>\nWhat is this?",
        "What is this?\n<image>",
        "Compare <image> and <image>.",
        "<image><image>",
        "<image>\n<image>\nWhich?",
        "First:\n<image>\nand then\n<image>",
    ],
)
def test_placeholders_come_back_as_they_were_meant(text: str):
    count = text.count("<image>")
    (message,) = turns([("user", text)], count)
    written = written_message(message)
    assert written.count("<image>") == count
    assert turns([("user", written)], count) == (message,)


def test_a_literal_placeholder_shows_no_picture():
    text = written_message(Message("user", (Part(image=0), Part(text="what does <image> mean?"))))
    assert text == "<image>\nwhat does <image > mean?"


def test_llava_shows_several_pictures_and_opens_with_the_system_prompt():
    pictures = tuple(Picture(f"{n:064x}", "png", Path()) for n in range(2))
    messages = [
        Message("system", (Part(text="Be brief."),)),
        Message("user", (Part(image=0), Part(image=1), Part(text="Which?"))),
        Message("assistant", (Part(text="The first."),)),
    ]
    row = llava_row(member(messages, pictures))
    assert row["image"] == [picture.name for picture in pictures]
    assert row["conversations"] == [
        {"from": "human", "value": "Be brief.\n\n<image>\n<image>\nWhich?"},
        {"from": "gpt", "value": "The first."},
    ]


def test_a_rejected_response_is_no_target():
    judged = member([Message("user", (Part(text="q"),))], kind="preference", responses=(Judged("bad", "rejected"),))
    for convert in (llava_row, table_row):
        with pytest.raises(ValueError, match=r"no SFT|no response"):
            convert(judged)


@pytest.mark.parametrize(
    ("responses", "pair"),
    [
        ((Judged("a", "chosen"), Judged("b", "rejected")), Pair("a", "b")),
        ((Judged("a", "response", None, 0.2), Judged("b", "response", None, 0.9)), Pair("b", "a")),
        ((Judged("a", "response", "bad"), Judged("b", "response", "good")), Pair("b", "a")),
        ((Judged("a", "response", None, 0.5), Judged("b", "response", None, 0.5)), None),
        ((Judged("a", "response"),), None),
    ],
)
def test_pairs(responses: tuple[Judged, ...], pair: Pair | None):
    judged = member([], kind="preference", responses=responses)
    assert pair_of(judged) == pair
    assert (refuse_unjudged(judged) is None) == (pair is not None)


@pytest.mark.parametrize("name", ["../x", "/etc/x", "a/../../x", "", "a\\..\\x", "a\0b"])
def test_no_file_leaves_the_folder(tmp_path: Path, name: str):
    with pytest.raises(ValueError, match="no name of a file"), Sink(tmp_path).open(name) as file:
        file.write(b"x")
    assert list(tmp_path.parent.glob("x")) == []


def test_a_file_that_breaks_off_is_not_there(tmp_path: Path):
    sink = Sink(tmp_path)

    def breaks() -> None:
        with sink.open("a.json") as file:
            file.write(b"half")
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        breaks()
    assert [path.name for path in tmp_path.iterdir()] == [UNFINISHED]
    assert sink.written == []


def test_unknown_formats_are_named():
    assert list(all_exports()) == sorted(all_exports())
    assert {"hf", "jsonl", "llava", "trl", "webdataset"} <= set(all_exports())
    with pytest.raises(ExportError, match="no format 'csv' to export to; there are axolotl, easyr1, hf"):
        export_of("csv")


def test_a_datasheet_has_no_markup_of_the_data():
    done = ShardDone(Shard("sft", 0, 0, 3), 2, {"too | odd": 1}, ())
    page = datasheet(FACTS, [done], export_of("jsonl"))
    assert "<i>" not in page
    assert r"| a\|b &lt;i&gt; | sft | 9 | 6 | 1 | 0 | 2 | 22.2 % |" in page
    assert "- 1 rows were left out: too \\| odd." in page
    assert plain("[x](y)") == r"\[x\]\(y\)"


def test_croissant_names_files_and_columns(tmp_path: Path):
    sink = Sink(tmp_path)
    with sink.open("sft/stage-00-00000.parquet") as file:
        file.write(b"x")
    described = croissant(FACTS, sink.written, export="Parquet", pictures=0)
    (distribution,) = described["distribution"]
    assert distribution["sha256"] == image_id(b"x")
    assert [record["name"] for record in described["recordSet"]] == ["sft"]
    assert {field["name"] for field in described["recordSet"][0]["field"]} >= {"example_id", "weight", "stage"}


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=12)


@st.composite
def any_members(draw: st.DrawFn, folder: Path) -> list[Member]:
    members: list[Member] = []
    for order in range(draw(st.integers(1, 5))):
        data = [draw(st.binary(min_size=1, max_size=20)) for _ in range(draw(st.integers(0, 2)))]
        pictures = tuple(Picture(image_id(one), "png", folder) for one in data)
        for picture, image in zip(pictures, data, strict=True):
            (folder / picture.name).parent.mkdir(parents=True, exist_ok=True)
            (folder / picture.name).write_bytes(image)
        asked = (*(Part(image=n) for n in range(len(data))), Part(text=draw(TEXTS)))
        messages = [Message("user", asked), Message("assistant", (Part(text=draw(TEXTS)),))]
        names = {"example_id": f"e{order}", "source_id": draw(TEXTS), "dataset": draw(TEXTS), "drop": draw(TEXTS)}
        weight = draw(st.floats(0, 1))
        members.append(member(messages, pictures, order=order, position=order * 7, weight=weight, **names))
    return members


@given(st.data())
@settings(max_examples=examples(25), deadline=None)
def test_any_rows_come_back(data: st.DataObject):
    with TemporaryDirectory() as name:
        folder = Path(name)
        members = data.draw(any_members(folder))
        shard = Shard("sft", 2, 0, len(members))
        expected = [
            (m.example_id, m.source_id, m.dataset, m.position, m.weight, texts_of(m), images_of(m)) for m in members
        ]
        for export in ("trl", "jsonl", "webdataset"):
            sink = Sink(folder)
            assert export_of(export).write(shard, iter(members), sink) == len(members)
            (file,) = sink.written
            assert file.rows == len(members)
            assert READERS[export](folder / file.name) == expected


def texts_of(member: Member) -> list[str]:
    return [part.text for message in member.messages for part in message.parts if part.text]


def images_of(member: Member) -> list[bytes]:
    return [picture.data() for picture in member.pictures]


def _read(row: dict[str, Any], pictures: list[bytes]) -> tuple[Any, ...]:
    texts = [part["text"] for turn in row["messages"] for part in turn["content"] if part["type"] == "text"]
    return (*(row[n] for n in ("example_id", "source_id", "dataset", "position", "weight")), texts, pictures)


def _trl(path: Path) -> list[tuple[Any, ...]]:
    return [_read(row, [one["bytes"] for one in row["images"]]) for row in pq.read_table(path).to_pylist()]


def _jsonl(path: Path) -> list[tuple[Any, ...]]:
    rows = [json.loads(line) for line in path.read_text("utf-8").split("\n") if line]
    folder = path.parents[1]
    return [_read(row, [(folder / p["image"]).read_bytes() for p in _images(row)]) for row in rows]


def _images(row: dict[str, Any]) -> list[dict[str, Any]]:
    return [part for turn in row["messages"] for part in turn["content"] if part["type"] == "image"]


def _webdataset(path: Path) -> list[tuple[Any, ...]]:
    rows: list[dict[str, Any]] = []
    pictures: list[list[bytes]] = []
    with tarfile.open(path) as tar:
        for entry in tar:
            file = tar.extractfile(entry)
            assert file is not None
            if entry.name.endswith(".json"):
                rows.append(json.load(file))
                pictures.append([])
            else:
                pictures[-1].append(file.read())
    return [_read(row, found) for row, found in zip(rows, pictures, strict=True)]


READERS = {"trl": _trl, "jsonl": _jsonl, "webdataset": _webdataset}


def test_an_answer_that_carries_no_loss_is_not_exported_as_one_to_learn():
    turns = [Message(role, (Part("A"),)) for role in ("user", "context", "user", "assistant")]
    reason = refuse_unlearned(member(turns))
    assert reason == "an answer carries no loss, which the format cannot say"
    for row in (llava_row, table_row):
        with pytest.raises(ValueError, match="carries no loss"):
            row(member(turns))
    assert refuse_unlearned(member(turns[:1] + turns[3:])) is None
