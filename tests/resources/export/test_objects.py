"""Rows with ms-swift's `objects` go to ms-swift as they came: read back they are equal, and its own template shows the
boxes of the same pixels."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from ops.core.schemas import BOXES, EXAMPLES, PREFERENCES
from ops.decision.policy import Policy
from ops.intake.rows import IngestSettings
from resources.engines.progress import SilentProgress
from resources.export.export import export_version
from resources.intake.ingest import ingest
from resources.lake.tables import Lake
from tests.support.exported import publish_version
from tests.support.loaders import load, trainer_python
from tests.support.measured import measure_difficulty
from tests.support.qwen_folder import write_qwen

pytestmark = [pytest.mark.full, pytest.mark.usefixtures("ray_session")]
SIZES = {"a.png": (640, 480), "b.png": (200, 300)}
KEPT = ("message", "start", "end", "image", "phrase", "notation", "convention", "delivered", "left", "top", "right")


def turns(question: str, answer: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]


ROWS: list[dict[str, Any]] = [
    {
        "id": "two pictures",
        "messages": turns(
            "<image>Here\n<image>and here: where is <ref-object>?", "<bbox>, and <ref-object> at <bbox>."
        ),
        "images": ["a.png", "b.png"],
        "objects": {"ref": ["a cat", "a dog"], "bbox": [[64, 48, 320, 240.5], [20, 30, 100, 299]], "image_id": [0, 1]},
    },
    {
        "id": "shares",
        "messages": turns("<image>Point at it.", "<ref-object><bbox> or <bbox>"),
        "images": ["b.png"],
        "objects": {"ref": ["it"], "bbox": [[0.25, 0.5], [0.1, 0.2, 0.3, 0.9]], "bbox_type": "norm1"},
    },
    {"id": "plain", "messages": turns("<image>What is <bbox>?", "A tag."), "images": ["a.png"]},
    {
        "id": "judged",
        "messages": turns("<image>Where is it?", "<bbox>"),
        "images": ["a.png"],
        "objects": {"ref": [], "bbox": [[0, 0, 640, 480]]},
        "label": False,
    },
    {
        "id": "pair",
        "messages": turns("<image>Where is <ref-object>?", "<bbox>"),
        "images": ["a.png"],
        "objects": {"ref": ["a cat"], "bbox": [[64, 48, 320, 240]]},
        "rejected_response": "<bbox>",
        "rejected_objects": {"ref": ["a cat"], "bbox": [[0, 0, 64, 48]]},
    },
]
ASKED: list[dict[str, Any]] = [
    {
        "id": "asked",
        "messages": [{"role": "user", "content": "<image><image>Is <ref-object> at <bbox> or <bbox>, <b>?"}],
        "images": ["a.png", "b.png"],
        "objects": {"ref": ["a cat"], "bbox": [[64, 48, 320, 240.5], [20, 30, 100, 299]], "image_id": [0, 1]},
        "solution": "at [64, 48, 320, 240.5], not <bbox>",
    },
    {
        "id": "asked in shares",
        "messages": [
            *turns("<image>Where is it?", "<bbox>"),
            {"role": "user", "content": "<ref-object><bbox>, surely?"},
        ],
        "images": ["b.png"],
        "objects": {"ref": ["it"], "bbox": [[0.25, 0.5], [0.1, 0.2, 0.3, 0.9]], "bbox_type": "norm1"},
        "solution": "yes",
    },
    {"id": "asked of text", "query": "<image>What is <bbox>?", "images": ["a.png"], "solution": "a tag"},
    {
        "id": "asked by query",
        "query": "<image>What is at <bbox>?",
        "images": ["a.png"],
        "objects": {"ref": [], "bbox": [[0, 0, 640, 480]]},
        "solution": "all",
    },
]
#: The answers as Qwen2-VL's template writes them, in thousandths of the sides.
# Qwen2.5-VL's template counts pixels of the picture as the model gets it: sides are multiples of 28, so that
# 640 x 480 becomes 644 x 476, and 200 x 300 becomes 196 x 308.
LEARNED = {
    "two pictures": "<|box_start|>(64,48),(322,238)<|box_end|>, and <|object_ref_start|>a dog<|object_ref_end|> at "
    "<|box_start|>(20,31),(98,307)<|box_end|>.",
    "shares": "<|object_ref_start|>it<|object_ref_end|><|box_start|>(49,154)<|box_end|> or "
    "<|box_start|>(20,62),(59,277)<|box_end|>",
    "plain": "A tag.",
    "judged": "<|box_start|>(0,0),(644,476)<|box_end|>",
}
#: Questions of prompts, in the same pixels.
QUESTIONS = {
    "asked": "Is <|object_ref_start|>a cat<|object_ref_end|> at <|box_start|>(64,48),(322,238)<|box_end|> or "
    "<|box_start|>(20,31),(98,307)<|box_end|>, <b>?",
    "asked in shares": "<|object_ref_start|>it<|object_ref_end|><|box_start|>(20,62),(59,277)<|box_end|>, surely?",
    "asked of text": "What is <bbox>?",
    "asked by query": "What is at <|box_start|>(0,0),(644,476)<|box_end|>?",
}


@pytest.fixture(scope="module")
def pointed(ray_session: None, tmp_path_factory: pytest.TempPathFactory) -> Lake:
    root = tmp_path_factory.mktemp("objects")
    (root / "drop").mkdir()
    for name, size in SIZES.items():
        Image.new("RGB", size, (90, 20, 60)).save(root / "drop" / name)
    for row in (*ROWS, *ASKED):
        (root / "drop" / f"{row['id']}.jsonl").write_text(json.dumps(row))
    lake = Lake(root / "lake")
    taken = ingest(lake, root / "drop", "drop", settings=IngestSettings(), progress=SilentProgress())
    measure_difficulty(lake, taken.delivery)
    publish_version(lake, [taken.delivery], Policy())
    return lake


def held(lake: Lake) -> dict[str, dict[str, Any]]:
    """What the lake holds of each row, by the id that it had at first."""
    examples = lake.read(EXAMPLES).to_pylist()
    rows: dict[str, dict[str, Any]] = {}
    names: dict[str, str] = {}
    for example in examples:
        name = json.loads(example["metadata"]).get("source_id", example["source_id"])
        names[example["example_id"]] = name
        rows[name] = {"kind": example["kind"], "messages": example["messages"], "images": example["image_ids"]}
    for table, columns in ((BOXES, KEPT), (PREFERENCES, ("response", "label", "opponent"))):
        for row in sorted(lake.read(table).to_pylist(), key=lambda row: (row["example_id"], row.get("ordinal", 0))):
            rows[names[row["example_id"]]].setdefault(table.name, []).append({name: row[name] for name in columns})
    return rows


def test_objects_come_back_as_they_went(pointed: Lake, tmp_path: Path):
    delivered = held(pointed)
    for to, kinds, boxes in (("ms_swift", {"sft": 3, "preference": 2}, 7), ("ms_swift_grpo", {"prompt": 4}, 5)):
        done = export_version(pointed, 1, to=to, folder=tmp_path / to, progress=SilentProgress())
        assert done.rows == kinds
        assert sum(done.left_out.values()) == len(delivered) - sum(kinds.values())
        again = Lake(tmp_path / f"{to}-lake")
        ingest(again, tmp_path / to, "drop", settings=IngestSettings(), progress=SilentProgress())
        back = held(again)
        assert back == {name: row for name, row in delivered.items() if row["kind"] in kinds}
        assert sum(len(row.get("boxes", [])) for row in back.values()) == boxes


def test_ms_swift_shows_the_same_pixels(pointed: Lake, tmp_path: Path):
    trainer_python("ms-swift")
    folder = tmp_path / "out"
    export_version(pointed, 1, to="ms_swift", folder=folder, progress=SilentProgress())
    names = {e["example_id"]: e["source_id"] for e in pointed.read(EXAMPLES).to_pylist()}
    assert set(names.values()) == {row["id"] for row in (*ROWS, *ASKED)}
    wanted = [
        f"{mode}=" + ",".join(path.relative_to(folder).as_posix() for path in sorted((folder / table).iterdir()))
        for mode, table in (("train", "sft"), ("rlhf", "dpo"), ("kto", "kto"))
    ]
    images = {"ROOT_IMAGE_DIR": str(folder)}
    model = write_qwen(tmp_path / "tiny-qwen")
    loaded = load("ms-swift", model, folder, *wanted, scratch=tmp_path, settings=images)
    learned = sorted(row["targets"][0].removesuffix("<|im_end|>\n") for row in loaded if row["stage"] != "rlhf")
    assert learned == sorted(LEARNED.values())
    (pair,) = [row for row in loaded if row["stage"] == "rlhf"]
    boxes = [re.findall(r"\((\d+),(\d+)\)", pair[f"{side}_targets"][0]) for side in ("chosen", "rejected")]
    assert boxes == [[("64", "48"), ("322", "238")], [("0", "0"), ("64", "48")]]
    assert all("<|object_ref_start|>a cat<|object_ref_end|>" in pair[f"{side}_text"] for side in ("chosen", "rejected"))


def test_ms_swift_shows_prompts_the_same_pixels(pointed: Lake, tmp_path: Path):
    trainer_python("ms-swift")
    folder = tmp_path / "out"
    export_version(pointed, 1, to="ms_swift_grpo", folder=folder, progress=SilentProgress())
    files = ",".join(path.relative_to(folder).as_posix() for path in sorted((folder / "prompt").iterdir()))
    images = {"ROOT_IMAGE_DIR": str(folder)}
    model = write_qwen(tmp_path / "tiny-qwen")
    loaded = load("ms-swift", model, folder, f"grpo={files}", scratch=tmp_path, settings=images)
    names = {e["example_id"]: e["source_id"] for e in pointed.read(EXAMPLES).to_pylist()}
    loaded_rows = {names[row["example_id"]]: (row["text"], row["solution"]) for row in loaded}
    assert sorted(loaded_rows) == sorted(row["id"] for row in ASKED)
    for name, asked in QUESTIONS.items():
        assert asked in loaded_rows[name][0], loaded_rows[name]
    assert {name: truth for name, (_, truth) in loaded_rows.items()} == {row["id"]: row["solution"] for row in ASKED}
