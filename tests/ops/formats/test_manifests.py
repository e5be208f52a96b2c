"""Manifests of trainers, written as their documentation has them: what they say of the files beside them counts."""

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from ops.formats.containers.contract import Limits, Probe
from ops.formats.manifests.registry import all_manifests, descriptions
from ops.formats.registry import container_of, format_of, reading
from ops.intake.drop import Manifest
from ops.intake.drop_files import DropError, open_drop
from ops.intake.row import Row, RowError
from ops.intake.rows import IngestSettings, check_row
from tests.support.trainer_rows import text

LIMITS = Limits(32 << 20, 200)
TALK = [{"who": "me", "says": "<image>What is this?"}, {"who": "bot", "says": "A cat."}]
TAGS = {"role_tag": "who", "content_tag": "says", "user_tag": "me", "assistant_tag": "bot"}


def write(folder: Path, files: dict[str, Any]) -> Path:
    for name, value in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if name.endswith(".jsonl"):
            path.write_text("\n".join(map(json.dumps, value)))
        else:
            path.write_bytes(
                value if isinstance(value, bytes) else (value if isinstance(value, str) else json.dumps(value)).encode()
            )
    return folder


def manifest_in(folder: Path) -> Manifest:
    files = open_drop(folder)
    return Manifest(described=descriptions(files, files.listing()))


def rows(folder: Path, name: str) -> tuple[str, list[Row]]:
    manifest, files = manifest_in(folder), open_drop(folder)
    container = container_of(Probe(name, files.head(name)))
    assert container
    records = [
        r.fields or {} for s in container.split(files, name, 1 << 30, LIMITS) for r in container.read(files, s, LIMITS)
    ]
    form = format_of(records, described=manifest.description_of(name))
    assert form
    form = reading(form.name, described=manifest.description_of(name))
    return form.name, [check_row(form.parse(record), IngestSettings()) for record in records]


def test_llama_factory_says_what_columns_and_roles_are_called(tmp_path: Path):
    entry = {"file_name": "talks.json", "formatting": "sharegpt", "tags": TAGS}
    columns = {"messages": "dialog", "images": "pictures"}
    pairs = {"messages": "dialog", "images": "pictures", "chosen": "better", "rejected": "worse"}
    info = {
        "talks": {**entry, "columns": columns},
        "liked": {**entry, "file_name": "liked.jsonl", "columns": {**columns, "kto_tag": "thumb"}},
        "pairs": {**entry, "file_name": "pairs.jsonl", "ranking": True, "columns": pairs},
        "tasks": {"file_name": "tasks", "columns": {"prompt": "task", "response": "solution"}},
        "elsewhere": {"hf_hub_url": "llamafactory/alpaca_en"},
        "absent": {"file_name": "absent.json"},
    }
    row = {"dialog": TALK, "pictures": ["a.jpg"], "source": "web"}
    pair = {**row, "dialog": TALK[:1], "better": TALK[1], "worse": {"who": "bot", "says": "A dog."}}
    folder = write(
        tmp_path,
        {
            "dataset_info.json": info,
            "talks.json": [row],
            "liked.jsonl": [{**row, "thumb": False}],
            "pairs.jsonl": [pair],
            "tasks/one.json": [{"task": "Name it.", "solution": "A cat.", "input": "not read"}],
        },
    )
    form, (read,) = rows(folder, "talks.json")
    assert (form, text(read), read.metadata) == (
        "llava",
        "user: <0>What is this? | assistant: A cat.",
        {"source": "web"},
    )
    form, (read,) = rows(folder, "liked.jsonl")
    assert (form, text(read)) == ("kto", "user: <0>What is this? | response: A cat.")
    assert [j.label for j in read.judgements] == ["bad"]
    form, (read,) = rows(folder, "pairs.jsonl")
    assert (form, text(read)) == ("turn_pairs", "user: <0>What is this? | chosen: A cat. | rejected: A dog.")
    form, (read,) = rows(folder, "tasks/one.json")
    assert (form, text(read)) == ("alpaca", "user: Name it. | assistant: A cat.")
    assert read.metadata == {"unread_input": "not read"}
    manifest = manifest_in(folder)
    assert manifest.dataset("tasks/one.json") == "tasks"
    assert set(manifest.described.files) == {"talks.json", "liked.jsonl", "pairs.jsonl", "tasks/one.json"}
    assert manifest.described.manifests == ("dataset_info.json",)


def test_a_column_that_llama_factory_does_not_read_may_still_judge(tmp_path: Path):
    entry = {"file_name": "talks.json", "formatting": "sharegpt", "columns": {"messages": "dialog"}, "tags": TAGS}
    row = {"dialog": [{"who": "me", "says": "What?"}, TALK[1]], "kto_tag": False}
    folder = write(tmp_path, {"dataset_info.json": {"x": entry}, "talks.json": [row]})
    form, (read,) = rows(folder, "talks.json")
    assert (form, [j.label for j in read.judgements]) == ("kto", ["bad"])
    with pytest.raises(RowError, match="kto_tag: not read by llava"):
        reading("llava", described=manifest_in(folder).description_of("talks.json")).parse(row)


def test_openai_formatting_has_calls_of_tools(tmp_path: Path):
    turns = [
        {"role": "user", "content": "Weather?"},
        {"role": "assistant", "content": None, "tool_calls": [{"function": {"name": "look"}}]},
        {"role": "tool", "content": "rain"},
        {"role": "assistant", "content": "It rains."},
    ]
    tags = {"role_tag": "role", "content_tag": "content", "user_tag": "user", "assistant_tag": "assistant"}
    entry = {"file_name": "t.json", "formatting": "openai", "columns": {"messages": "messages"}, "tags": tags}
    folder = write(tmp_path, {"dataset_info.json": {"t": entry}, "t.json": [{"messages": turns}]})
    form, (read,) = rows(folder, "t.json")
    called = '[{"function":{"name":"look"}}]'
    assert (form, text(read)) == (
        "messages",
        f"user: Weather? | assistant: {called} | tool: rain | assistant: It rains.",
    )


LLAVA = {
    "image": "a.jpg",
    "conversations": [{"from": "human", "value": "<image>\nWhat?"}, {"from": "gpt", "value": "A cat."}],
}


def test_internvl_says_where_images_lie_and_how_often_rows_are_taken(tmp_path: Path):
    meta = {
        "cats": {"root": "playground/data/cats/", "annotation": "playground/opensource/cats.jsonl", "repeat_time": 2},
        "dogs": {"root": "dogs", "annotation": "absent.jsonl", "data_augment": False, "repeat_time": 0.5, "length": 3},
    }
    folder = write(tmp_path, {"meta.json": meta, "opensource/cats.jsonl": [LLAVA]})
    manifest = manifest_in(folder)
    assert (manifest.dataset("opensource/cats.jsonl"), manifest.described.manifests) == ("cats", ("meta.json",))
    assert manifest.folders("opensource/cats.jsonl") == ("playground/data/cats", "data/cats", "cats")
    assert rows(folder, "opensource/cats.jsonl")[1][0].metadata == {"repeat_time": 2}


def test_qwen_vl_registry_is_read_and_never_run(tmp_path: Path):
    registry = """
import re
CATS = {"annotation_path": "/data/anno/cats.json", "data_path": f"/data/images"}
DOGS = {"annotation_path": "dogs.json", "data_path": "pics"}
raise SystemExit("run")
data_dict = {"cats": CATS, "dogs%50": DOGS, "cows": {"annotation_path": "cows.json", "data_path": ""}}
"""
    folder = write(
        tmp_path, {"__init__.py": registry, "anno/cats.json": [LLAVA], "dogs.json": [LLAVA], "cows.json": [LLAVA]}
    )
    manifest = manifest_in(folder)
    assert {name: manifest.dataset(name) for name in manifest.described.files} == {
        "anno/cats.json": "cats",
        "dogs.json": "dogs",
        "cows.json": "cows",
    }
    assert manifest.folders("dogs.json") == ("pics",)
    assert manifest.folders("anno/cats.json") == ("data/images", "images")
    assert rows(folder, "dogs.json")[1][0].metadata == {"sampling_rate": 0.5}


def tar(samples: list[dict[str, bytes]]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for number, parts in enumerate(samples):
            for part, data in parts.items():
                info = tarfile.TarInfo(f"{number:04d}.{part}")
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def picture() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (8, 8)).save(out, "PNG")
    return out.getvalue()


def test_energon_maps_the_parts_of_a_sample(tmp_path: Path):
    body = json.dumps({"q": "What?", "a": ["A dog.", "A cat."], "w": [0.2, 0.8]}).encode()
    vqa = "__module__: megatron.energon\n__class__: VQAWebdataset\nfield_map: "
    vqa += "{image: 'jpg,png', context: 'json[q]', answers: 'json[a]', answer_weights: 'json[w]'}"
    captions = "sample_type: {__module__: megatron.energon, __class__: CaptioningSample}\n"
    captions += "field_map: {image: png, caption: 'json[a][1]'}"
    sample = {"png": picture(), "json": body, "id.txt": b"7"}
    folder = write(
        tmp_path,
        {
            "vqa/.nv-meta/dataset.yaml": vqa,
            "vqa/s.tar": tar([sample]),
            "captions/.nv-meta/dataset.yaml": captions,
            "captions/parts/s.tar": tar([sample]),
            "crude/.nv-meta/dataset.yaml": "__class__: CrudeWebdataset",
            "crude/s.tar": tar([{"png": picture(), "txt": b"A cat."}]),
        },
    )
    form, (read,) = rows(folder, "vqa/s.tar")
    assert (form, text(read), read.source_id) == ("prompt_response", "user: <0>What? | assistant: A cat.", "0000")
    assert read.images[0].data == picture()
    assert read.metadata == {"answers": ["A dog.", "A cat."], "id.txt": b"7"}
    form, (read,) = rows(folder, "captions/parts/s.tar")
    assert (form, text(read)) == ("captions", "user: <0> | assistant: A cat.")
    assert rows(folder, "crude/s.tar")[0] == "webdataset"


@pytest.mark.parametrize(("index", "expected"), [("json[n]", "A cat."), ("cls", "A dog."), ("json[q]", None)])
def test_energon_tells_the_right_one_of_several_choices(tmp_path: Path, index: str, expected: str | None):
    choices = "sample_type: {__module__: megatron.energon, __class__: MultiChoiceVQASample}\n"
    choices += f"field_map: {{image: png, context: 'json[q]', choices: 'json[a]', correct_choice_idx: '{index}'}}"
    body = json.dumps({"q": "What?", "a": ["A dog.", "A cat."], "n": 1}).encode()
    sample = {"png": picture(), "json": body, "cls": b"0"}
    folder = write(tmp_path, {".nv-meta/dataset.yaml": choices, "s.tar": tar([sample])})
    if expected is None:
        rewrite = manifest_in(folder).description_of("s.tar").rewrite
        assert rewrite
        with pytest.raises(RowError, match="correct_choice_idx is 'What"):
            rewrite({"__key__": "0", **sample})
        return
    form, (read,) = rows(folder, "s.tar")
    assert (form, text(read)) == ("prompt_response", f"user: <0>What? | assistant: {expected}")
    assert read.metadata["choices"] == ["A dog.", "A cat."]


def test_easyr1_says_what_columns_are_called(tmp_path: Path):
    keys = "prompt_key: query\n  answer_key: gold\n  image_key: pics\n  image_dir: /data/shown"
    config = f"data:\n  train_files: /data/rows.jsonl@train\n  val_files: hub/set@test\n  {keys}\nworker: {{}}\n"
    row = {"query": "<image>How many?", "gold": "3", "pics": ["a.jpg"], "answer": "Three, I think.", "level": 2}
    folder = write(tmp_path, {"config.yaml": config, "rows.jsonl": [row], "other.jsonl": [row]})
    form, (read,) = rows(folder, "rows.jsonl")
    assert (form, text(read)) == ("easyr1", "user: <0>How many? | ground_truth: 3")
    assert read.metadata == {"unread_answer": "Three, I think.", "level": 2}
    assert "shown" in manifest_in(folder).folders("rows.jsonl")
    assert manifest_in(folder).description_of("other.jsonl") is None
    other = write(tmp_path / "b", {"a.yaml": "data: {answer_key: [", "b.yaml": "prompt_key: answer_key train_files"})
    assert not manifest_in(other).described.manifests


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"dataset_info.json": {"x": {"file_name": "r.json", "formatting": "csv"}}}, "formatting 'csv' is not known"),
        ({"dataset_info.json": {"x": {"file_name": "r.json", "columns": {"promt": "a"}}}}, "columns has 'promt'"),
        (
            {"dataset_info.json": {n: {"file_name": "r.json", "columns": {"prompt": n}} for n in "ab"}},
            "a of dataset_info.json and b of dataset_info.json say different things",
        ),
        (
            {
                "dataset_info.json": {"x": {"file_name": "r.json"}},
                "meta.json": {"y": {"root": "", "annotation": "r.json"}},
            },
            "both say what it is",
        ),
        ({".nv-meta/dataset.yaml": "__class__: VQASample\nfield_map: {image: jpg}", "s.tar": b"x"}, "lacks context"),
        ({".nv-meta/dataset.yaml": "a: b: c", "s.tar": b"x"}, "not plain YAML"),
    ],
)
def test_a_manifest_that_cannot_be_followed_is_an_error(tmp_path: Path, files: dict[str, Any], message: str):
    with pytest.raises(DropError, match=message):
        manifest_in(write(tmp_path, {"r.json": [{}], **files}))


def test_a_hidden_link_out_of_the_drop_is_not_followed(tmp_path: Path):
    write(tmp_path, {"away/dataset.yaml": "__class__: CrudeWebdataset", "drop/s.tar": b"x"})
    (tmp_path / "drop" / ".nv-meta").symlink_to(tmp_path / "away")
    with pytest.raises(DropError, match="path_outside_drop"):
        manifest_in(tmp_path / "drop")


def test_other_files_of_these_names_say_nothing(tmp_path: Path):
    files = {
        "dataset_info.json": {"features": {"image": {"_type": "Image"}}, "splits": {}},
        "rows.json": [{"annotation": "a", "root": "b"}],
        "row.json": {"annotation": "x", "root": 1},
        "setup.py": "annotation_path = 1",
    }
    assert not manifest_in(write(tmp_path, files)).described.files
    assert not manifest_in(tmp_path).described.manifests


def test_every_manifest_is_tried_here():
    assert set(all_manifests()) == {"easyr1", "energon", "internvl", "llama_factory", "qwen_vl"}
