"""Prompts of RL, loaded by the trainers' own loaders: as many rows, in the same order, with the same texts, pixels and
ground truths. EasyR1's is a reader written after its code."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from ops.intake.row import CONTEXT
from ops.text.placeholders import MEDIA, placeholder_text
from resources.lake.tables import Lake
from tests.support.loaders import load, picture_digest, qwen_text, with_placeholders
from tests.support.prompt_drops import publish_prompts
from tests.support.prompt_exports import carried, exported
from tests.support.qwen_folder import write_qwen

pytestmark = [pytest.mark.full, pytest.mark.usefixtures("ray_session")]
ANSWER = "<|im_start|>assistant\n"


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    return publish_prompts(tmp_path_factory.mktemp("prompts"))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_qwen(tmp_path_factory.mktemp("model"), default_system=False)


def out(lake: Lake, folder: Path, to: str) -> list[str]:
    """The names of the exported files, in order; there are several."""
    exported(lake, folder, to)
    names = sorted(path.relative_to(folder).as_posix() for path in (folder / "prompt").iterdir())
    assert len(names) > 1
    return names


def turns(row: dict[str, Any]) -> list[tuple[str, str]]:
    """The prompt's turns of role and text, with `<image>` for each picture."""
    texts = [[None if part["image_id"] else part["text"] for part in message["parts"]] for message in row["asked"]]
    roles = ["assistant" if message["role"] == CONTEXT else message["role"] for message in row["asked"]]
    return [(role, placeholder_text(parts, reserved=MEDIA)) for role, parts in zip(roles, texts, strict=True)]


def check(loaded: Sequence[Any], rows: Sequence[dict[str, Any]], texts: Sequence[str]) -> None:
    """Each loaded prompt is that of its row, and ends where the answer begins."""
    assert [with_placeholders(prompt["text"]) for prompt in loaded] == [text + ANSWER for text in texts]
    for prompt, row in zip(loaded, rows, strict=True):
        assert prompt["pictures"] == [picture_digest(data) for data in row["pictures"]]
        assert prompt["solution"] == row["ground_truth"]
        assert prompt["data_source"] == (row["data_source"] or row["dataset"])


def test_ms_swift_loads_prompts_for_its_grpo(lake: Lake, model: Path, tmp_path: Path):
    folder = tmp_path / "out"
    names = ",".join(out(lake, folder, "ms_swift_grpo"))
    images = {"ROOT_IMAGE_DIR": str(folder)}
    loaded = load("ms-swift", model, folder, f"grpo={names}", scratch=tmp_path, settings=images)
    rows = carried(lake, "ms_swift_grpo")
    assert [prompt["example_id"] for prompt in loaded] == [row["example_id"] for row in rows]
    check(loaded, rows, [qwen_text(turns(row)) for row in rows])


def test_trl_loads_prompts_for_its_grpo(lake: Lake, model: Path, tmp_path: Path):
    folder = tmp_path / "out"
    loaded = load("trl-grpo", model, folder, *out(lake, folder, "trl_grpo"), scratch=tmp_path)
    rows = carried(lake, "trl_grpo")
    assert [prompt["example_id"] for prompt in loaded] == [row["example_id"] for row in rows]
    parts = [
        [
            (role, "".join("<image>" if part["image_id"] else part["text"] for part in message["parts"]))
            for (role, _), message in zip(turns(row), row["asked"], strict=True)
        ]
        for row in rows
    ]
    check(loaded, rows, [qwen_text(said) for said in parts])


def test_verl_loads_prompts(lake: Lake, model: Path, tmp_path: Path):
    folder = tmp_path / "out"
    loaded = load("verl", model, folder, *out(lake, folder, "verl"), scratch=tmp_path)
    rows = carried(lake, "verl")
    assert [prompt["index"] for prompt in loaded] == sorted(prompt["index"] for prompt in loaded)
    check(loaded, rows, [qwen_text(turns(row)) for row in rows])


def test_a_reader_after_easyr1_loads_prompts(lake: Lake, model: Path, tmp_path: Path):
    folder = tmp_path / "out"
    loaded = load("easyr1", model, folder, *out(lake, folder, "easyr1"), scratch=tmp_path)
    rows = carried(lake, "easyr1")
    opened = ["\n".join(text for _, text in turns(row)) for row in rows]
    check(loaded, rows, [qwen_text([("user", text)]) for text in opened])
