"""Ingest end to end: real files, real Ray, real Delta tables."""

import json
import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from ops.core.schemas import DROP_FILES, DROPS, EXAMPLES, IMAGES, PREFERENCES, QUARANTINE
from ops.intake.drop_files import DropError
from ops.intake.rows import IngestSettings
from resources.engines.progress import SilentProgress
from resources.intake.admission import last_delivery
from resources.intake.ingest import Delivery, ingest
from resources.lake.tables import Lake
from tests.support.drops import content, everything, llava, make_drop

pytestmark = pytest.mark.usefixtures("ray_session")


def take(lake: Lake, drop: Path, name: str = "flowers", **settings: Any) -> Delivery:
    return ingest(lake, drop, name, settings=IngestSettings(**settings), progress=SilentProgress())


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake")


def test_rows_images_and_refusals_reach_their_tables(lake: Lake, tmp_path: Path):
    rows = [llava(n, f"{n % 4}.png") for n in range(12)]
    rows += [llava(20, None), llava(21, "gone.png"), {**llava(22, "0.png"), "image": ["0.png", "1.png"]}]
    pair = {"prompt": "What?", "chosen": "Red.", "rejected": "Blue.", "images": ["images/1.png"]}
    drop = make_drop(tmp_path / "drop", rows, [pair])
    delivery = take(lake, drop)

    assert (delivery.rows_in, delivery.rows_kept, delivery.rows_quarantined, delivery.fresh) == (16, 14, 2, True)
    reasons = {row["source_id"]: row["reason"] for row in lake.read(QUARANTINE).to_pylist()}
    assert reasons == {"row-21": "image_missing", "row-22": "placeholder_mismatch"}
    assert lake.read(IMAGES).num_rows == 4
    judged = lake.read(PREFERENCES).to_pylist()
    assert [(j["label"], j["response"], j["opponent"], j["query"]) for j in judged] == [
        ("chosen", "Red.", "Blue.", "What?"),
        ("rejected", "Blue.", "Red.", "What?"),
    ]
    (log,) = lake.read(DROPS).to_pylist()
    assert (log["state"], log["rows_in"], log["rows_kept"], log["rows_quarantined"]) == ("arrived", 16, 14, 2)
    assert [(f["file"], f["rows_in"], f["rows_quarantined"]) for f in lake.read(DROP_FILES).to_pylist()] == [
        ("pairs.jsonl", 1, 0),
        ("train.json", 15, 2),
    ]
    assert not list((tmp_path / "lake" / ".scratch").glob("*"))


def test_a_row_keeps_its_text_images_and_unknown_fields(lake: Lake, tmp_path: Path):
    row = {**llava(1, "2.png"), "source": "naïve 猫", "tags": [1, {"a": None}]}
    row["conversations"][0]["value"] = "Look: <image> – what is it?\nSay more."
    take(lake, make_drop(tmp_path / "drop", [row]))
    (example,) = lake.read(EXAMPLES).to_pylist()
    image = example["image_ids"][0]
    assert example["messages"][0]["parts"] == [
        {"type": "text", "text": "Look: ", "image_id": None},
        {"type": "image", "text": None, "image_id": image},
        {"type": "text", "text": " – what is it?\nSay more.", "image_id": None},
    ]
    assert json.loads(example["metadata"]) == {"source": "naïve 猫", "tags": [1, {"a": None}]}
    assert example["provenance"] == {"file": "train.json", "row": 0}
    assert (example["drop"], example["dataset"]) == ("flowers", "train")


def test_redelivery_changes_nothing_and_a_correction_is_a_new_delivery(lake: Lake, tmp_path: Path):
    drop = make_drop(tmp_path / "drop", [llava(n, f"{n % 4}.png") for n in range(5)])
    first = take(lake, drop)
    before = everything(lake)
    again = take(lake, Path(shutil.copytree(drop, tmp_path / "copy")))
    assert again == Delivery("flowers", first.delivery, 5, 5, 0, fresh=False)
    assert everything(lake) == before

    Image.new("RGB", (48, 32), (1, 2, 3)).save(drop / "images" / "0.png")
    corrected = take(lake, drop)
    assert corrected.fresh
    assert corrected.delivery != first.delivery
    assert lake.read(IMAGES).num_rows == 5
    old = lake.read(EXAMPLES, where={"delivery": first.delivery})
    assert old.num_rows == 5

    assert not take(lake, tmp_path / "copy").fresh
    assert last_delivery(lake, "flowers") == first.delivery


def test_shards_decide_nothing(tmp_path: Path):
    rows = [llava(n % 30, f"{n % 4}.png", "x" * 1500) for n in range(300)]
    rows[7]["image"] = "gone.png"
    rows[250]["conversations"] = []
    drop = make_drop(tmp_path / "drop", rows)
    (drop / "images" / "3.png").write_bytes((drop / "images" / "3.png").read_bytes()[:70])
    results = []
    for shard_bytes in (1, 70_000, 1 << 30):
        lake = Lake(tmp_path / f"lake-{shard_bytes}")
        take(lake, drop, shard_bytes=max(shard_bytes, 1 << 14))
        results.append(everything(lake))
    assert results[0] == results[1] == results[2]
    ids = [row["example_id"] for row in results[0]["examples"]]
    assert len(ids) == len(set(ids)) > 200


def test_identical_rows_are_told_apart_and_repeated_ids_noted(lake: Lake, tmp_path: Path):
    take(lake, make_drop(tmp_path / "drop", [llava(1, "0.png"), llava(1, "0.png"), llava(1, "1.png")]))
    examples = content(lake, EXAMPLES, by=["example_id"])
    assert len({e["example_id"] for e in examples}) == 3
    assert len({e["content_id"] for e in examples}) == 2
    assert sorted(e["repairs"] for e in examples) == [[], ["duplicate_id"], ["duplicate_id"]]


def test_repeated_ids_are_quarantined_where_the_settings_say_so(lake: Lake, tmp_path: Path):
    drop = make_drop(tmp_path / "drop", [llava(1, "0.png"), llava(1, "1.png"), llava(2, "1.png")])
    delivery = take(lake, drop, duplicate_ids="quarantine")
    assert (delivery.rows_kept, delivery.rows_quarantined) == (2, 1)
    assert lake.read(QUARANTINE).to_pylist()[0]["reason"] == "duplicate_id"
    assert take(lake, drop).fresh, "other settings make other rows of the same files"


def test_preferences_in_parquet_with_embedded_images(lake: Lake, tmp_path: Path):
    drop = tmp_path / "drop"
    drop.mkdir()
    Image.new("RGB", (30, 30), "red").save(tmp_path / "red.png")
    image = {"bytes": (tmp_path / "red.png").read_bytes(), "path": "red.png"}
    chat = [{"role": "user", "content": "What?"}]
    rows = [
        {"prompt": chat, "chosen": [answer("Red.")], "rejected": [answer("Blue.")], "images": [image], "n": n}
        for n in range(3)
    ]
    pq.write_table(pa.Table.from_pylist(rows), drop / "pairs.parquet", row_group_size=2)
    delivery = take(lake, drop)
    assert (delivery.rows_kept, lake.read(PREFERENCES).num_rows, lake.read(IMAGES).num_rows) == (3, 6, 1)
    assert lake.read(EXAMPLES).to_pylist()[0]["messages"][0]["parts"][0]["type"] == "image"


def answer(text: str) -> dict[str, str]:
    return {"role": "assistant", "content": text}


@pytest.mark.parametrize("files", [{}, {"README.md": b"hello", "a.png": b""}, {"rows.jsonl": b"\n \n"}])
def test_a_drop_without_rows_is_an_error_that_says_so(lake: Lake, tmp_path: Path, files: dict[str, bytes]):
    drop = tmp_path / "drop"
    drop.mkdir()
    for name, data in files.items():
        (drop / name).write_bytes(data)
    with pytest.raises(DropError, match="drop flowers: "):
        take(lake, drop)
    assert lake.read(DROPS).num_rows == 0


def test_errors_name_what_is_wrong(lake: Lake, tmp_path: Path):
    with pytest.raises(DropError, match="does not exist"):
        take(lake, tmp_path / "nowhere")
    with pytest.raises(DropError, match="a letter or digit"):
        take(lake, tmp_path, "../escape")
    (tmp_path / "x.jsonl.part").write_bytes(b"{}")
    with pytest.raises(DropError, match=r"x\.jsonl\.part: the upload has not ended"):
        take(lake, tmp_path)


def test_one_broken_row_spoils_only_itself(lake: Lake, tmp_path: Path):
    drop = tmp_path / "drop"
    drop.mkdir()
    good = [json.dumps(llava(n, None)).encode() for n in range(3)]
    bad = [b'{"id": 1, "conv', b'\xff\xfe{"id"', b"[1, 2]", b'{"id": "x", "conversations": "none"}', b"\x00"]
    (drop / "rows.jsonl").write_bytes(b"\xef\xbb\xbf" + b"\r\n".join([good[0], *bad, b"", good[1], good[2]]) + b"\n")
    delivery = take(lake, drop)
    assert (delivery.rows_in, delivery.rows_kept) == (8, 3)
    reasons = [row["reason"] for row in content(lake, QUARANTINE, by=["row"])]
    assert reasons == ["json_invalid", "encoding", "not_an_object", "field_type", "json_invalid"]
    assert [e["provenance"]["row"] for e in content(lake, EXAMPLES, by=["source_id"])] == [0, 7, 8]


def test_judged_answers_are_judged_and_never_learned(lake: Lake, tmp_path: Path):
    drop = make_drop(
        tmp_path / "drop", [llava(n, f"{n}.png") for n in range(4)] + [{**llava(5, None), "kto_tag": False}]
    )
    ask, good, bad = (
        {"role": r, "content": t} for r, t in (("user", "What?"), ("assistant", "Cat"), ("assistant", "Dog"))
    )
    files = {
        "kto.jsonl": [{"messages": [ask, bad], "label": False}, {"messages": [ask, good], "label": True}],
        "classes.jsonl": [{"image": "0.png", "caption": f"Flower {n}.", "label": n} for n in range(3)],
        "masked.jsonl": [{"messages": [ask, bad | {"loss": False}, ask, good]}],
    }
    for name, rows in files.items():
        (drop / name).write_text("\n".join(map(json.dumps, rows)))
    delivery = take(lake, drop)
    assert (delivery.rows_in, delivery.rows_kept) == (11, 7)
    refused = [(row["file"], row["reason"]) for row in content(lake, QUARANTINE, by=["file", "row"])]
    assert refused == [("classes.jsonl", "ambiguous_judgement")] * 3 + [("train.json", "ambiguous_judgement")]
    judged = content(lake, PREFERENCES, by=["label"])
    assert [(row["label"], row["response"]) for row in judged] == [("bad", "Dog"), ("good", "Cat")]
    examples = content(lake, EXAMPLES, by=["source_id"])
    assert [[m["role"] for m in row["messages"]] for row in examples if row["dataset"] == "masked"] == [
        ["user", "context", "user", "assistant"]
    ]

    (drop / "drop.yaml").write_text("ignore_fields: {classes.jsonl: label}")
    delivery = take(lake, drop)
    assert (delivery.rows_in, delivery.rows_kept, delivery.fresh) == (11, 10, True)
    kept = [row for row in lake.read(EXAMPLES).to_pylist() if row["dataset"] == "classes"]
    assert sorted(json.loads(row["metadata"])["label"] for row in kept) == [0, 1, 2]


def test_a_trainers_manifest_says_what_its_files_are(lake: Lake, tmp_path: Path):
    drop = make_drop(tmp_path / "drop", [llava(0, "0.png")])
    turns = [{"who": "me", "says": "<image>What?"}, {"who": "bot", "says": "Dog"}]
    (drop / "liked.jsonl").write_text(json.dumps({"talk": turns, "shown": ["0.png"], "thumb": False}))
    columns = {"messages": "talk", "images": "shown", "kto_tag": "thumb"}
    tags = {"role_tag": "who", "content_tag": "says", "user_tag": "me", "assistant_tag": "bot"}
    info = {"likes": {"file_name": "liked.jsonl", "formatting": "sharegpt", "columns": columns, "tags": tags}}
    (drop / "dataset_info.json").write_text(json.dumps(info))
    meta = {"shapes": {"root": "images", "annotation": "data/train.json", "repeat_time": 2}}
    (drop / "meta.json").write_text(json.dumps(meta))
    delivery = take(lake, drop)
    assert (delivery.rows_in, delivery.rows_kept) == (2, 2)
    examples = {row["dataset"]: row for row in lake.read(EXAMPLES).to_pylist()}
    assert {name: json.loads(row["metadata"]) for name, row in examples.items()} == {
        "likes": {},
        "shapes": {"repeat_time": 2},
    }
    (judged,) = lake.read(PREFERENCES).to_pylist()
    assert (judged["label"], judged["response"], judged["query"]) == ("bad", "Dog", "What?")
