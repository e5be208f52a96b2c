"""Every format: a real file of it, made by the ecosystem's own writer where there is one, read as it should be."""

import csv
import gzip
import io
import json
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from PIL import Image

from ops.formats.containers.contract import Limits, Probe
from ops.formats.registry import all_containers, all_formats, container_of, format_of
from ops.intake.decompression import plain_name
from ops.intake.drop_files import DropFiles
from ops.intake.row import Row, RowError
from ops.intake.rows import IngestSettings, check_row
from tests.support.layouts import ASK, CHAT, LAYOUTS, PARTS, picture
from tests.support.tars import WriteTar, tar_by_hand, tar_by_webdataset
from tests.support.trainer_rows import TRAINERS

LIMITS = Limits(32 << 20, 200)


def read(folder: Path, name: str, *, shard_bytes: int = 1 << 30) -> tuple[str, str, list[Row]]:
    """Container, format and checked rows of a file, by detection alone."""
    files = DropFiles(str(folder))
    container = container_of(Probe(plain_name(name), files.head(name)))
    assert container is not None
    shards = container.split(files, name, shard_bytes, LIMITS)
    records = [record for shard in shards for record in container.read(files, shard, LIMITS)]
    assert [record.row for record in records] == sorted({record.row for record in records})
    form = format_of(record.fields or {} for record in records)
    assert form is not None
    return container.name, form.name, [check_row(form.parse(r.fields or {}), IngestSettings()) for r in records]


def text(row: Row) -> str:
    """A row in one line: roles, texts, and <n> for the n-th image."""
    return " | ".join(
        f"{m.role}: " + "".join(f"<{p.image}>" if p.image is not None else str(p.text) for p in m.parts)
        for m in row.messages
    )


WRITERS: dict[str, Callable[[Path, list[dict[str, Any]]], object]] = {
    "rows.json": lambda path, rows: path.write_text(json.dumps(rows)),
    "rows.jsonl": lambda path, rows: path.write_text("\n".join(map(json.dumps, rows))),
    "rows.jsonl.gz": lambda path, rows: path.write_bytes(gzip.compress("\n".join(map(json.dumps, rows)).encode())),
    "rows.json.zst": lambda path, rows: path.write_bytes(zstandard.compress(json.dumps(rows, indent=2).encode())),
    "rows.parquet": lambda path, rows: pq.write_table(pa.Table.from_pylist(rows), path),
}


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize(("form", "row", "expected"), [case[1:] for case in LAYOUTS], ids=[c[0] for c in LAYOUTS])
def test_a_layout_is_found_and_read(tmp_path: Path, name: str, form: str, row: dict[str, Any], expected: str):
    WRITERS[name](tmp_path / name, [row] * 3)
    _, form_read, rows = read(tmp_path, name)
    assert (form_read, [text(r) for r in rows]) == (form, [expected] * 3)


def test_every_format_has_a_layout_here_or_among_the_trainers_or_a_writer_below():
    trainers = {case[1] for case in TRAINERS}
    assert {case[1] for case in LAYOUTS} | trainers | {"webdataset", "video_audio"} == set(all_formats())


def test_every_container_is_read_here():
    assert set(all_containers()) == {"json_lines", "json_array", "parquet", "arrow", "tar", "table_text"}


def test_hugging_face_datasets_as_parquet_and_on_disk(tmp_path: Path):
    datasets = pytest.importorskip("datasets")
    features = datasets.Features(
        {
            "messages": [
                {
                    "role": datasets.Value("string"),
                    "content": [{"type": datasets.Value("string"), "text": datasets.Value("string")}],
                }
            ],
            "images": [datasets.Image()],
            "sharpness": datasets.Value("float32"),
        }
    )
    content = [{"type": "image", "text": None}, {"type": "text", "text": "What?"}]
    reply = [{"type": "text", "text": "A cat."}]
    rows = [
        {
            "messages": [{"role": "user", "content": content}, {"role": "assistant", "content": reply}],
            "images": [Image.open(io.BytesIO(picture(n, "PNG")))],
            "sharpness": n / 2,
        }
        for n in range(4)
    ]
    dataset = datasets.Dataset.from_list(rows, features=features)
    datasets.disable_progress_bars()
    dataset.to_parquet(str(tmp_path / "rows.parquet"), batch_size=2)
    dataset.save_to_disk(str(tmp_path / "saved"))
    for name, container in (("rows.parquet", "parquet"), ("saved/data-00000-of-00001.arrow", "arrow")):
        for shard_bytes in (1, 1 << 30):
            container_read, form, read_rows = read(tmp_path, name, shard_bytes=shard_bytes)
            assert (container_read, form) == (container, "messages")
            assert [text(row) for row in read_rows] == ["user: <0>What? | assistant: A cat."] * 4
            assert [row.images[0].data for row in read_rows] == [picture(n, "PNG") for n in range(4)]
            assert [row.metadata["sharpness"] for row in read_rows] == [0, 0.5, 1, 1.5]


def test_arrow_files_in_many_batches_and_with_dictionaries(tmp_path: Path):
    table = pa.table({"image": ["a.jpg", "b.jpg"] * 50, "caption": pa.array(["cat", "dog"] * 50)})
    coded = table.set_column(1, "caption", table["caption"].dictionary_encode())
    for number, rows in enumerate((table, coded)):
        for opener in (pa.ipc.new_stream, pa.ipc.new_file):
            with opener(str(tmp_path / "x.arrow"), rows.schema) as writer:
                writer.write_table(rows, max_chunksize=7)
            container, form, records = read(tmp_path, "x.arrow", shard_bytes=1 if number == 0 else 1 << 30)
            assert (container, form, len(records)) == ("arrow", "captions", 100)
            assert [row.messages[1].text for row in records[:2]] == ["cat", "dog"]


TAR_WRITERS = [tar_by_hand, pytest.param(tar_by_webdataset, marks=pytest.mark.full)]


@pytest.mark.parametrize("write_tar", TAR_WRITERS)
def test_webdataset_shards(tmp_path: Path, write_tar: WriteTar):
    samples = [{"__key__": f"a/{n:04d}", "jpg": picture(n), "txt": f"Picture {n}."} for n in range(5)]
    write_tar(tmp_path / "s.tar", samples)
    rows_in_json = [{"id": f"r{n}", "conversations": ASK} for n in range(5)]
    chats = [{"__key__": f"{n}", "jpg": picture(n), "json": row} for n, row in enumerate(rows_in_json)]
    write_tar(tmp_path / "rows.tar.gz", chats)
    for shard_bytes in (1, 3000, 1 << 30):
        _, form, rows = read(tmp_path, "s.tar", shard_bytes=shard_bytes)
        assert (form, [text(r) for r in rows]) == (
            "webdataset",
            [f"user: <0> | assistant: Picture {n}." for n in range(5)],
        )
        assert [(r.images[0].data, r.source_id) for r in rows] == [(picture(n), f"a/{n:04d}") for n in range(5)]
        _, _, rows = read(tmp_path, "rows.tar.gz", shard_bytes=shard_bytes)
        assert [(text(r), r.source_id) for r in rows] == [
            ("user: <0>What? | assistant: A cat.", f"r{n}") for n in range(5)
        ]


@pytest.mark.parametrize("write_tar", TAR_WRITERS)
def test_img2dataset_output(tmp_path: Path, write_tar: WriteTar):
    body = {"caption": "A cat.", "url": "https://example.org/a.jpg", "key": "000000001", "status": "success"}
    sample = {"__key__": "000000001", "jpg": picture(), "txt": "A cat.", "json": body}
    write_tar(tmp_path / "00000.tar", [sample])
    _, form, (row,) = read(tmp_path, "00000.tar")
    assert (form, text(row), row.source_id) == ("webdataset", "user: <0> | assistant: A cat.", "000000001")
    assert row.metadata["url"] == "https://example.org/a.jpg"


def test_tars_by_every_writer(tmp_path: Path):
    long = "d" * 90 + "/" + "n" * 120
    for form in (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        with tarfile.open(tmp_path / "t.tar", "w", format=form) as tar:
            name = "d" * 90 + "/short" if form == tarfile.USTAR_FORMAT else f"{long}ü"
            for extension, data in (("png", picture(kind="PNG")), ("txt", "Grün.".encode())):
                info = tarfile.TarInfo(f"{name}.{extension}")
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
        _, _, (row,) = read(tmp_path, "t.tar")
        assert (text(row), row.source_id) == ("user: <0> | assistant: Grün.", name)
    joined = (tmp_path / "t.tar").read_bytes() * 2
    (tmp_path / "two.tar").write_bytes(joined)
    assert len(read(tmp_path, "two.tar")[2]) == 2


@pytest.mark.parametrize("name", ["c.csv", "c.tsv", "c.csv.gz"])
def test_caption_tables(tmp_path: Path, name: str):
    import pandas as pd

    captions = ["A cat.", 'A "grey" cat,\nasleep', "Ein Käfer\t– 5 cm"]
    frame = pd.DataFrame({"image_path": ["a.jpg", "b.jpg", "c.jpg"], "caption": captions, "width": [1, 2, 3]})
    frame.to_csv(tmp_path / name, sep="\t" if "tsv" in name else ",", index=False)
    _, form, rows = read(tmp_path, name, shard_bytes=10)
    assert (form, [row.messages[1].text for row in rows]) == ("captions", captions)
    assert [row.metadata for row in rows] == [{"width": str(n)} for n in (1, 2, 3)]


@pytest.mark.parametrize("text", ["image,caption\ra.jpg,x\rb.jpg,y\r", "image,caption\na.jpg,x\rb.jpg,y\nc.jpg,z\n"])
def test_a_carriage_return_hides_no_line_of_a_table(tmp_path: Path, text: str):
    (tmp_path / "t.csv").write_bytes(text.encode())
    container = all_containers()["table_text"]
    files = DropFiles(str(tmp_path))
    (shard,) = container.split(files, "t.csv", 1 << 30, LIMITS)
    read_on = container.read(files, shard, LIMITS)
    if text.endswith("\r"):
        with pytest.raises(csv.Error, match="end lines with line feeds"):
            list(read_on)
        return
    assert [record.problem and record.problem[0] for record in read_on] == ["csv_fields", None]


def test_the_project_photos(photos: Path):
    _, form, rows = read(photos, "captions.jsonl")
    assert (form, len(rows)) == ("captions", len(list((photos / "images").iterdir())))


def judged(row: dict[str, Any]) -> list[tuple[Any, ...]]:
    form = format_of([row])
    assert form
    judgements = check_row(form.parse(row), IngestSettings()).judgements
    return [(j.response, j.label, j.opponent, j.rating, j.rating_scale, j.annotator) for j in judgements]


def test_judgements():
    pair = {"prompt": "What?", "chosen": "A", "rejected": "B", "annotator": "kim"}
    assert judged(pair) == [("A", "chosen", "B", None, None, "kim"), ("B", "rejected", "A", None, None, "kim")]
    assert judged({"prompt": "q", "completion": "A", "label": 1}) == [("A", "good", None, None, None, None)]
    assert judged({"prompt": "q", "responses": ["A", "B"], "scores": [1, 0.5], "scale": 1}) == [
        ("A", None, None, 1.0, 1.0, None),
        ("B", None, None, 0.5, 1.0, None),
    ]
    several = {"response": "A", "ratings": [{"rating": 4, "annotator": "x"}, {"rating": 2, "annotator": 7}]}
    assert judged({"prompt": "q", "completions": [several], "rating_scale": 5}) == [
        ("A", None, None, 4.0, 5.0, "x"),
        ("A", None, None, 2.0, 5.0, "7"),
    ]
    aspects = {"Helpfulness": {"Rating": "4", "Rationale": "r"}, "Visual Faithfulness": {"Rating": "5"}}
    stored = {"annotations": [aspects], "model": ["m"], "response": ["A"]}
    assert judged({"prompt": "q", "completions": stored}) == [("A", None, None, 4.5, 5.0, None)]
    # A scale of 0 is no sound one, and yet not missing.
    assert judged({"prompt": "q", "completions": stored, "scale": 0}) == [("A", None, None, 4.5, 0.0, None)]


BROKEN: list[tuple[str, dict[str, Any]]] = [
    ("placeholder_mismatch", {"image": "a.jpg", "conversations": [{"from": "human", "value": "What?"}, ASK[1]]}),
    ("placeholder_mismatch", {"conversations": ASK}),
    ("placeholder_mismatch", {"image": ["a.jpg", "b.jpg"], "conversations": ASK}),
    ("placeholder_mismatch", {"images": ["a.jpg", "b.jpg"], "messages": [{"role": "user", "content": PARTS}, CHAT[1]]}),
    ("unknown_role", {"conversations": [{"from": "alien", "value": "x"}]}),
    ("field_type", {"conversations": ["hello"]}),
    ("field_missing", {"conversations": [{"from": "human"}]}),
    ("field_type", {"conversations": [{"from": "human", "value": 3}]}),
    ("no_messages", {"conversations": []}),
    ("empty_answer", {"conversations": [{"from": "human", "value": "x"}, {"from": "gpt", "value": " \n"}]}),
    ("empty_query", {"conversations": [{"from": "human", "value": ""}, {"from": "gpt", "value": "y"}]}),
    ("turn_order", {"conversations": [{"from": "gpt", "value": "y"}]}),
    ("turn_order", {"messages": [CHAT[0], CHAT[0], CHAT[1]]}),
    ("turn_order", {"messages": [CHAT[0]]}),
    ("turn_order", {"prompt": CHAT, "chosen": "a", "rejected": "b"}),
    ("empty_answer", {"prompt": "q", "chosen": "a", "rejected": ""}),
    ("field_missing", {"prompt": "q", "chosen": "a", "rejected": None}),
    ("field_type", {"prompt": "q", "chosen": 1, "rejected": "b"}),
    ("field_type", {"image": 5, "conversations": ASK}),
    ("image_url", {"messages": [{"role": "user", "content": [{"type": "image", "image": "data:x,y"}]}, CHAT[1]]}),
    ("image_undecodable", {"image": "data:image/png;base64,@@", "conversations": ASK}),
    ("rating_invalid", {"prompt": "q", "responses": ["a"], "scores": [1, 2]}),
    ("rating_invalid", {"prompt": "q", "responses": ["a"], "scores": ["high"]}),
    ("rating_invalid", {"prompt": "q", "completion": "a", "label": "maybe"}),
    ("rating_invalid", {"prompt": "q", "responses": ["a"], "scores": [float("inf")]}),
    ("rating_invalid", {"prompt": "q", "responses": ["a"], "scores": [float("nan")]}),
    ("rating_invalid", {"prompt": "q", "responses": ["a"], "scores": [10**400]}),
    ("rating_invalid", {"prompt": "q", "responses": ["a"], "scores": [True]}),
    ("rating_invalid", {"prompt": "q", "responses": ["a"], "scores": [1], "rating_scale": 10**400}),
    ("rating_invalid", {"prompt": "q", "responses": ["a"], "scores": [1], "rating_scale": [5]}),
    ("rating_invalid", {"prompt": "q", "completions": [{"response": "a", "rating": {"a": 1}}]}),
    ("field_type", {"prompt": "q", "completions": [{"response": "a", "rating": 1, "annotator": {"a": 1}}]}),
    ("field_type", {"prompt": "q", "completions": [{"response": "a", "rating": 1, "annotator": float("nan")}]}),
    ("field_type", {"prompt": "q", "chosen": "a", "rejected": "b", "annotator": {"name": "kim"}}),
    ("field_type", {"prompt": "q", "completion": "a", "label": True, "annotator": ["kim"]}),
    ("no_candidates", {"prompt": "q", "responses": []}),
    ("json_invalid", {"text": '{"question" "chosen" "rejected"'}),
    ("encoding", {"conversations": [{"from": "human", "value": "\ud800"}, ASK[1]]}),
    ("control_characters", {"conversations": [{"from": "human", "value": "a\0b"}, ASK[1]]}),
    ("empty_answer", {"image": "a.jpg", "caption": ""}),
    ("image_missing", {"image": "", "caption": "x"}),
]


@pytest.mark.parametrize(("reason", "row"), BROKEN, ids=[f"{n}-{case[0]}" for n, case in enumerate(BROKEN)])
def test_a_broken_row_has_its_reason(reason: str, row: dict[str, Any]):
    form = format_of([row])
    assert form
    with pytest.raises(RowError) as error:
        check_row(form.parse(row), IngestSettings())
    assert error.value.reason == reason


@pytest.mark.parametrize(
    ("reason", "changed"),
    [
        ("field_missing", {"prompt": None}),
        ("field_type", {"prompt": 5}),
        ("field_type", {"prompt": float("nan")}),
        ("field_missing", {"completions": None}),
        ("field_type", {"completions": 5}),
        ("field_type", {"completions": "text"}),
        ("field_type", {"completions": [5]}),
        ("field_type", {"completions": [None]}),
    ],
)
def test_a_rated_row_that_the_file_is_not_known_by_has_its_reason(reason: str, changed: dict[str, Any]):
    row = {"prompt": "What?", "completions": [{"response": "A", "rating": 1}], **changed}
    with pytest.raises(RowError) as error:
        check_row(all_formats()["rated"].parse(row), IngestSettings())
    assert error.value.reason == reason


def test_one_strange_row_does_not_decide_the_format(tmp_path: Path):
    rows: Iterator[dict[str, Any]] = iter([{"caption": "x", "image": "y"}, *[{"conversations": ASK}] * 5])
    form = format_of(rows)
    assert form
    assert form.name == "llava"
