"""Exports of a real version, read back with each trainer's own loader: rows in are rows out, with the same texts, the
same pixels, in the same order, and with loss on the answers that are learned and on nothing else."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from ops.exports.conversation import MEDIA, placeholder_text, without_placeholders
from ops.intake.row import Message
from tests.support.exported import Published, Row, export
from tests.support.loaders import load, picture_digest, qwen_text, trainer_python, with_placeholders
from tests.support.tiny_qwen import write_tiny_qwen

pytestmark = [pytest.mark.full, pytest.mark.usefixtures("ray_session")]

CANDIDATES = ("chosen", "rejected", "response")
UNJUDGED = {"no response is better than another": 1}
UNLEARNED = {"an answer carries no loss, which the format cannot say": 1}
JUDGED = {"rated": ("five", "one")}
"""What wins and what loses where neither is called so."""


@pytest.fixture(scope="module")
def tiny_qwen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model's folder without a model."""
    return write_tiny_qwen(tmp_path_factory.mktemp("tiny-qwen"))


def said(message: Message) -> tuple[str, str]:
    """Role and text of a turn as Qwen's template has them; a tool speaks within the user's turn."""
    text = placeholder_text(message, reserved=MEDIA)
    if message.role == "tool":
        return "user", f"<tool_response>\n{text}\n</tool_response>"
    return ("assistant" if message.role == "context" else message.role), text


def prompt(row: Row) -> list[tuple[str, str]]:
    """The turns that are no candidates."""
    return [said(message) for message in row.messages if message.role not in CANDIDATES]


def sides(row: Row) -> tuple[str, str]:
    """The chosen and the rejected response."""
    by_role = {message.role: message.text for message in row.messages}
    return JUDGED.get(row.source_id) or (by_role["chosen"], by_role["rejected"])


def pairs(published: Published) -> list[Row]:
    return [row for row in published.of("preference") if row.source_id not in ("tied", "labelled")]


def targets(row: Row) -> list[str]:
    """The texts that carry loss: every answer, and the end of its turn."""
    return [f"{said(message)[1]}<|im_end|>\n" for message in row.messages if message.role == "assistant"]


def check_rows(loaded: list[Any], rows: Iterable[Row], *, side: str = "") -> None:
    """Each loaded row shows the pictures, texts and, as targets, the answers of its row."""
    for one, row in zip(loaded, rows, strict=True):
        assert one["pictures"] == [picture_digest(data) for data in row.pictures]
        assert with_placeholders(one[f"{side}text"]) == qwen_text(prompt(row))
        assert one[f"{side}targets"] == targets(row)


def check_pairs(loaded: list[Any], rows: Iterable[Row]) -> None:
    """Each loaded pair has its prompt on both sides, and loss on its chosen and its rejected response alone."""
    for one, row in zip(loaded, rows, strict=True):
        assert one["pictures"] == [picture_digest(data) for data in row.pictures]
        for side, text in zip(("chosen", "rejected"), sides(row), strict=True):
            answer = without_placeholders(text)
            assert with_placeholders(one[f"{side}_text"]) == qwen_text([*prompt(row), ("assistant", answer)])
            assert one[f"{side}_targets"] == [f"{answer}<|im_end|>\n"]


def check_labelled(loaded: list[Any]) -> None:
    (one,) = loaded
    turns = [("user", "Is it so?"), ("assistant", "It is.")]
    assert (one["text"], one["targets"], one["label"]) == (qwen_text(turns), ["It is.<|im_end|>\n"], False)


def stages(folder: Path, table: str) -> str:
    """The stage files of a table, in order."""
    return ",".join(path.relative_to(folder).as_posix() for path in sorted((folder / table).iterdir()))


def of_stage(loaded: list[Any], stage: str) -> list[Any]:
    """What was loaded for the stage."""
    return [one for one in loaded if one["stage"] == stage]


def test_llama_factory_loads_what_was_exported(published: Published, tmp_path: Path, tiny_qwen: Path):
    trainer_python("llama-factory")
    folder = tmp_path / "out"
    done = export(published, folder, "llama_factory")
    assert done.left_out == UNJUDGED | UNLEARNED

    wanted = [
        f"{stage}={stages(folder, table)}".replace("/", "_").replace("-", "_").replace(".parquet", "")
        for stage, table in (("sft", "sft"), ("rm", "dpo"), ("kto", "kto"))
    ]
    loaded = load("llama-factory", tiny_qwen, folder, *wanted, scratch=tmp_path)
    check_rows(of_stage(loaded, "sft"), published.learned())
    check_pairs(of_stage(loaded, "rm"), pairs(published))
    check_labelled(of_stage(loaded, "kto"))


def test_ms_swift_loads_what_was_exported(published: Published, tmp_path: Path, tiny_qwen: Path):
    trainer_python("ms-swift")
    folder = tmp_path / "out"
    done = export(published, folder, "ms_swift")
    assert done.left_out == UNJUDGED

    wanted = [f"{mode}={stages(folder, table)}" for mode, table in (("train", "sft"), ("rlhf", "dpo"), ("kto", "kto"))]
    images = {"ROOT_IMAGE_DIR": str(folder)}
    loaded = load("ms-swift", tiny_qwen, folder, *wanted, scratch=tmp_path, settings=images)
    rows = of_stage(loaded, "train")
    check_rows(rows, published.of("sft"))
    assert [one["weights"] for one in rows] == [[row.weight] * len(targets(row)) for row in published.of("sft")]
    check_pairs(of_stage(loaded, "rlhf"), pairs(published))
    check_labelled(of_stage(loaded, "kto"))
