"""Exports of a real version, read back with the readers that trainers use and compared with the lake itself."""

import base64
import hashlib
import io
import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pyarrow as pa
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
from typer.testing import CliRunner

from ops.audits.contract import RowInputs
from ops.audits.registry import all_audits
from ops.demo.build import build
from ops.exports.contract import ExportError
from ops.exports.mds import streaming_python
from ops.exports.registry import all_exports
from ops.policy import Action, Condition, Policy, Rule
from ops.rows import IngestSettings
from ops.schemas import CURATED, CURRICULUM, DROPS, EXAMPLES, IMAGES, VERSIONS
from ops.vectors import Vectors
from resources.exporting import MANIFEST, Exported, export_version, verify
from resources.ingest import ingest
from resources.lake import Lake
from resources.progress import SilentProgress
from resources.publishing import build_candidate, publish
from resources.settings import load_settings

pytestmark = pytest.mark.usefixtures("ray_session")

NOTHING = Vectors.of([], np.zeros((0, 0)))
POLICY = Policy(
    (
        Rule("wordy", "difficulty", (Condition.parse("answer_words > 8"),), Action.DOWNWEIGHT, "many words", 0.5),
        Rule("held", "difficulty", (Condition.parse("answer_words > 40"),), Action.HOLD, "too many words"),
    )
)
HERE = [name for name in all_exports() if name != "mds"]
"""Formats that need nothing but this environment."""


def strange_rows() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Conversations and judgements with what a format can trip over: several pictures, none, system prompts, tools,
    a literal placeholder, names that are paths, ratings, labels, responses that no one preferred."""
    ask = {"from": "human", "value": "<image>\n<image>\nWhich of the two, \u2028 left or right?"}
    rows = [
        {
            "id": "../../escape",
            "image": ["images/s0.png", "images/s1.png"],
            "conversations": [ask, gpt("Left.")],
        },
        {"id": "/etc/passwd", "system": "Be brief.", "conversations": [human("What is 1 + 1?"), gpt("2")]},
        {"id": "a\\b\n| c", "image": "images/s2.png", "conversations": [human("Is <image> red?"), gpt("No.")]},
        {"id": "long", "conversations": [human("Count."), gpt(" ".join(map(str, range(50))))]},
    ]
    tools = {"id": "tools", "messages": [message("user", "Add."), message("assistant", "add(1)")]}
    tools["messages"] += [message("tool", "2"), message("assistant", "It is 2.")]
    literal = {"id": "literal", "images": ["images/s3.png"], "messages": [message("assistant", "A tag.")]}
    parts = [{"type": "image"}, {"type": "text", "text": "What does <image> mean in HTML?"}]
    literal["messages"] = [{"role": "user", "content": parts}, *literal["messages"]]
    rated = [{"response": "one", "rating": 1}, {"response": "five", "rating": 5}, {"response": "three", "rating": 3}]
    judged = [
        {
            "id": "rated",
            "prompt": "How many?",
            "image": "images/s0.png",
            "completions": rated,
            "rating_scale": 5,
        },
        {"id": "tied", "prompt": "Why?", "completions": [{"response": w, "rating": 3} for w in ("a", "b")]},
        {"id": "labelled", "prompt": "Is it so?", "completion": "It is.", "label": False},
        {"id": "pair", "prompt": "So?", "chosen": "Yes.", "rejected": "Reject me.", "images": ["images/s1.png"]},
        tools,
        literal,
    ]
    return rows, judged


def human(text: str) -> dict[str, str]:
    return {"from": "human", "value": text}


def gpt(text: str) -> dict[str, str]:
    return {"from": "gpt", "value": text}


def message(role: str, text: str) -> dict[str, Any]:
    return {"role": role, "content": text}


def write_strange(folder: Path) -> None:
    endings = {0: "PNG", 1: "JPEG", 2: "WEBP", 3: "PNG"}
    for number, form in endings.items():
        Image.new("RGB", (24, 16 + number), (60 * number, 90, 20)).save(folder / "images" / f"s{number}.png", form)
    rows, judged = strange_rows()
    (folder / "strange.json").write_text(json.dumps(rows), "utf-8")
    for row in judged:
        (folder / f"{row['id']}.jsonl").write_text(json.dumps(row) + "\n", "utf-8")


def publish_version(lake: Lake, deliveries: list[str], policy: Policy) -> None:
    candidate = build_candidate(
        lake,
        deliveries=deliveries,
        measures={"difficulty": "d0"},
        settings=replace(load_settings(), policy=policy),
        code="code",
        encoder="encoder",
        progress=SilentProgress(),
    )
    assert publish(lake, candidate, {})


@dataclass(frozen=True)
class Row:
    """What must come back of one place of the curriculum."""

    example_id: str
    kind: str
    stage: int
    position: int
    weight: float
    source_id: str
    texts: list[str]
    pictures: list[bytes]
    roles: list[str]


@dataclass(frozen=True)
class Published:
    lake: Lake
    rows: list[Row]

    def of(self, kind: str) -> list[Row]:
        return [row for row in self.rows if row.kind == kind]


@pytest.fixture(scope="module")
def published(ray_session: None, tmp_path_factory: pytest.TempPathFactory) -> Published:
    """Two versions of a lake with the demo's drop and strange rows in it; its rows as they stand in the lake."""
    root = tmp_path_factory.mktemp("exports")
    build(root / "demo", record=root / "planted.jsonl", conversations=60)
    write_strange(root / "demo")
    lake = Lake(root / "lake")
    taken = ingest(lake, root / "demo", "demo", settings=IngestSettings(), progress=SilentProgress())
    examples = lake.read(EXAMPLES)
    strange = {row["id"] for rows in strange_rows() for row in rows}
    assert strange <= set(examples["source_id"].to_pylist())
    audit = all_audits()["difficulty"]
    measured = audit.measure(RowInputs(examples, NOTHING, NOTHING, NOTHING, NOTHING), None).to_pylist()
    filled = pa.Table.from_pylist([{**row, "identity": "d0"} for row in measured], schema=audit.table.schema)
    lake.write(audit.table, filled, partition={"delivery": taken.delivery, "identity": "d0"}, once="measured")
    publish_version(lake, [taken.delivery], POLICY)
    publish_version(lake, [taken.delivery], Policy())
    return Published(lake, expected_rows(lake, 1))


def expected_rows(lake: Lake, number: int) -> list[Row]:
    examples = {row["example_id"]: row for row in lake.read(EXAMPLES).to_pylist()}
    curated = {row["example_id"]: row for row in lake.read(CURATED, where={"version": number}).to_pylist()}
    data = {row["image_id"]: row["bytes"] for row in lake.read(IMAGES).to_pylist()}
    places = sorted(lake.read(CURRICULUM, where={"version": number}).to_pylist(), key=lambda row: row["position"])
    rows: list[Row] = []
    for place in places:
        example = examples[place["example_id"]]
        parts = [part for said in example["messages"] for part in said["parts"]]
        row = Row(
            place["example_id"],
            example["kind"],
            place["stage"],
            place["position"],
            curated[place["example_id"]]["weight"],
            example["source_id"],
            [part["text"] for part in parts if part["text"]],
            [data[part["image_id"]] for part in parts if part["image_id"]],
            [said["role"] for said in example["messages"]],
        )
        rows.append(row)
    return rows


def export(published: Published, folder: Path, to: str, **options: Any) -> Exported:
    given = {"shard_rows": 17, "progress": SilentProgress(), **options}
    return export_version(published.lake, 1, to=to, folder=folder, **given)


def pixels(data: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("RGB"))


def same_pictures(found: list[Any], row: Row) -> bool:
    shown = [np.asarray(image.convert("RGB")) for image in found]
    return len(shown) == len(row.pictures) and all(
        np.array_equal(one, pixels(other)) for one, other in zip(shown, row.pictures, strict=True)
    )


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
    wanted = [row for row in published.of("sft") if "tool" not in row.roles]
    assert done.left_out == {"LLaVA's conversations have no turns of tools": 1}
    assert done.rows == {"sft": len(wanted)}
    stages = sorted({row.stage for row in wanted})
    found: list[dict[str, Any]] = []
    for stage in stages:
        rows = LlavaDataset(tmp_path / "out", f"stage-{stage:02d}.json")
        loader = DataLoader(rows, batch_size=4, sampler=SequentialSampler(rows), collate_fn=list)
        found += [row for batch in loader for row in batch]
    assert [(row["id"], row["stage"], row["position"], row["weight"]) for row in found] == [
        (row.example_id, row.stage, row.position, row.weight) for row in wanted
    ]
    assert all(same_pictures(one["pictures"], row) for one, row in zip(found, wanted, strict=True))
    answers = [[t["value"] for t in one["conversations"] if t["from"] == "gpt"] for one in found]
    assert all(set(said) <= set(row.texts) for said, row in zip(answers, wanted, strict=True))
    whole = json.loads((tmp_path / "out" / "train.json").read_text("utf-8"))
    assert [row["id"] for row in whole] == [row["id"] for row in found]
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
    assert done.left_out == {"no response is better than another": 1}

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


def compare_sft(found: list[dict[str, Any]], published: Published) -> None:
    wanted = published.of("sft")
    assert [(r["example_id"], r["stage"], r["position"], r["weight"], r["source_id"]) for r in found] == [
        (r.example_id, r.stage, r.position, r.weight, r.source_id) for r in wanted
    ]
    for one, row in zip(found, wanted, strict=True):
        parts = [part for turn in one["messages"] for part in turn["content"]]
        assert [turn["role"] for turn in one["messages"]] == row.roles
        assert [part["text"] for part in parts if part["type"] == "text"] == row.texts
        assert sum(part["type"] == "image" for part in parts) == len(row.pictures)
        assert same_pictures(one["images"], row)
        assert not {"chosen", "rejected", "response"} & set(row.roles)


def compare_pairs(found: list[dict[str, Any]], published: Published) -> None:
    wanted = [row for row in published.of("preference") if row.source_id not in ("tied", "labelled")]
    assert [(r["example_id"], r["position"]) for r in found] == [(r.example_id, r.position) for r in wanted]
    for one, row in zip(found, wanted, strict=True):
        sides = [one[side][0]["content"][0]["text"] for side in ("chosen", "rejected")]
        assert sides == (["five", "one"] if row.source_id == "rated" else row.texts[-2:])
        assert one["prompt"][-1]["role"] == "user"
        assert same_pictures(one["images"], row)


def test_webdataset_reads_the_tars_in_order(published: Published, tmp_path: Path):
    export(published, tmp_path / "out", "webdataset")
    files = [str(path) for path in sorted((tmp_path / "out").glob("sft-*.tar"))]
    samples = list(webdataset.WebDataset(files, shardshuffle=False).decode("pil"))
    found: list[dict[str, Any]] = []
    for number, sample in enumerate(samples):
        assert sample["__key__"] == f"{number:012d}"
        names = sorted(name for name in sample if name.split(".")[-1] in ("png", "jpg", "webp"))
        found.append({**sample["json"], "images": [opened(sample[name]) for name in names]})
    compare_sft(found, published)


def opened(value: Any) -> Any:
    """`decode("pil")` leaves formats that it does not know as bytes."""
    return Image.open(io.BytesIO(value)) if isinstance(value, bytes) else value


def test_json_lines_hold_every_response(published: Published, tmp_path: Path):
    done = export(published, tmp_path / "out", "jsonl")
    assert done.left_out == {}
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


READ_MDS = """
import base64, json, sys
from streaming import StreamingDataset
for sample in StreamingDataset(local=sys.argv[1], shuffle=False, batch_size=1):
    data = [sample["bytes"][a:b] for a, b in sample["pictures"]]
    print(json.dumps({**sample["row"], "images": [base64.b64encode(one).decode() for one in data]}))
"""


@pytest.mark.full
def test_mosaicml_streaming_reads_stages_and_the_whole(published: Published, tmp_path: Path):
    try:
        python = streaming_python()
    except ExportError as error:
        pytest.skip(str(error))
    done = export(published, tmp_path / "out", "mds")
    assert done.rows["sft"] == len(published.of("sft"))
    assert verify(tmp_path / "out") == []

    def load(name: str) -> list[dict[str, Any]]:
        command = [str(python), "-c", READ_MDS, str(tmp_path / "out" / name)]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        rows = [json.loads(line) for line in said.split("\n") if line.startswith("{")]
        shown = [[Image.open(io.BytesIO(base64.b64decode(one))) for one in row["images"]] for row in rows]
        return [{**row, "images": pictures} for row, pictures in zip(rows, shown, strict=True)]

    compare_sft(load("sft"), published)
    first = [row.example_id for row in published.of("sft") if row.stage == 0]
    assert [row["example_id"] for row in load("sft/stage-00")] == first
    judged = load("preference")
    assert [row["label"] for row in judged if row["table"] == "unpaired"] == [False]
    compare_pairs([row for row in judged if row["table"] == "preference"], published)


def test_weights_as_repeats(published: Published, tmp_path: Path):
    done = export(published, tmp_path / "out", "llava", repeats=2)
    rows = json.loads((tmp_path / "out" / "train.json").read_text("utf-8"))
    times = {row["id"]: sum(r["id"] == row["id"] for r in rows) for row in rows}
    assert times == {row.example_id: 2 * row.weight for row in published.of("sft") if "tool" not in row.roles}
    assert {row.weight for row in published.of("sft")} == {0.5, 1.0}
    assert done.rows["sft"] == len(rows)


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
    for name in HERE:
        export(published, tmp_path / "all" / name, name)
    assert {path.name for path in tmp_path.iterdir()} == {"all"}
    for name in HERE:
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


@pytest.mark.parametrize("to", HERE)
def test_a_broken_off_export_is_continued(published: Published, tmp_path: Path, to: str):
    whole = export(published, tmp_path / "whole", to)
    for step, after in (("Write pictures", 9), ("Sort rows into shards", 0), (f"Write {to}", 30), (f"Write {to}", 9)):
        with pytest.raises(KeyboardInterrupt):
            export(published, tmp_path / "out", to, progress=Cut(step, after))
        assert not (tmp_path / "out" / MANIFEST).exists()
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*-0000*") if path.is_file()}
    done = export(published, tmp_path / "out", to)
    kept = [path for path, time in before.items() if path.exists() and path.stat().st_mtime_ns == time]
    assert kept or to == "llava"
    assert done == replace(whole, folder=done.folder)
    assert content(tmp_path / "out") == content(tmp_path / "whole")
    again = export(published, tmp_path / "out", to)
    assert again == replace(done, fresh=False)


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
    from pipelines import export_command  # noqa: F401
    from pipelines.cli import app

    run = CliRunner()
    words = ["export", "1", str(tmp_path / "out"), "--to", "trl", "--lake", published.lake.root]
    done = run.invoke(app, [*words, "--check", "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["rows"] == {"preference": 48, "sft": len(published.of("sft"))}
    assert run.invoke(app, [*words[:4], "csv", *words[5:]]).exit_code == 2
    other = run.invoke(app, ["export", "2", *words[2:]])
    assert other.exit_code == 1
    assert "holds another export" in other.stderr
