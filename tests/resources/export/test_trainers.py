"""Exports of a real version, read back with each trainer's own loader: rows in are rows out, with the same texts, the
same pixels, in the same order, and with loss on the answers that are learned and on nothing else."""

import json
from collections import Counter
from collections.abc import Iterable
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

import pytest

from ops.exports.conversation import written_message
from ops.intake.row import Message
from ops.text.placeholders import MEDIA, without_placeholders
from tests.support.exported import Published, Row, export
from tests.support.loaders import load, picture_digest, qwen_text, trainer_python, with_placeholders
from tests.support.qwen_folder import write_qwen

pytestmark = [pytest.mark.full, pytest.mark.usefixtures("ray_session")]

CANDIDATES = ("chosen", "rejected", "response")
UNJUDGED = {"no response is better than another": 1}
UNLEARNED = {
    "an answer carries no loss, which the format cannot say": 1,
    "an answer has a loss weight of its own, which the format cannot say": 1,
}
JUDGED = {"rated": ("five", "one")}
"""What wins and what loses where neither is called so."""


@pytest.fixture(scope="module")
def qwen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model's folder without a model."""
    return write_qwen(tmp_path_factory.mktemp("qwen"), default_system=False)


def spoken_by(message: Message) -> tuple[str, str]:
    """Role and text of a turn as Qwen's template has them; a tool speaks within the user's turn."""
    text = written_message(message, reserved=MEDIA)
    if message.role == "tool":
        return "user", f"<tool_response>\n{text}\n</tool_response>"
    return ("assistant" if message.role == "context" else message.role), text


def prompt(row: Row) -> list[tuple[str, str]]:
    """The turns that are no candidates, the pieces of an answer as one."""
    turns = [spoken_by(message) for message in row.messages if message.role not in CANDIDATES]
    speakers = groupby(turns, key=itemgetter(0))
    return [(role, "".join(text for _, text in pieces)) for role, pieces in speakers]


def sides(row: Row) -> tuple[str, str]:
    """The chosen and the rejected response."""
    by_role = {message.role: message.text for message in row.messages}
    return JUDGED.get(row.source_id) or (by_role["chosen"], by_role["rejected"])


def pairs(published: Published) -> list[Row]:
    return [row for row in published.of("preference") if row.source_id not in ("tied", "labelled")]


def targets(row: Row) -> list[str]:
    """The texts that carry loss: every answer, and the end of its turn."""
    return ["".join(text for text, _ in answer) for answer in answers(row)]


def answers(row: Row) -> list[list[tuple[str, float]]]:
    """The answers that are learned, each as pieces and the end of its turn, with their weights; the end counts 1."""
    learned: list[list[tuple[str, float]]] = []
    before = ""
    for message in row.messages:
        if message.role == "assistant":
            if before != "assistant":
                learned.append([])
            learned[-1].append((spoken_by(message)[1], row.weight * (message.loss or 1.0)))
        before = message.role
    return [[*answer, ("<|im_end|>\n", 1.0)] for answer in learned]


def weighed(row: Row) -> list[list[str | float]]:
    """The texts that carry loss, cut where their weight changes."""
    runs: list[list[str | float]] = []
    for answer in answers(row):
        for weight, pieces in groupby(answer, key=itemgetter(1)):
            runs.append(["".join(text for text, _ in pieces), weight])
    return runs


def check_rows(loaded: list[Any], rows: Iterable[Row], *, side: str = "") -> None:
    """Each loaded row shows the pictures, texts and, as targets, the answers of its row."""
    for record, row in zip(loaded, rows, strict=True):
        assert record["pictures"] == [picture_digest(data) for data in row.pictures]
        assert with_placeholders(record[f"{side}text"]) == qwen_text(prompt(row))
        assert record[f"{side}targets"] == targets(row)


def check_pairs(loaded: list[Any], rows: Iterable[Row]) -> None:
    """Each loaded pair has its prompt on both sides, and loss on its chosen and its rejected response alone."""
    for record, row in zip(loaded, rows, strict=True):
        assert record["pictures"] == [picture_digest(data) for data in row.pictures]
        for side, text in zip(("chosen", "rejected"), sides(row), strict=True):
            answer = without_placeholders(text)
            assert with_placeholders(record[f"{side}_text"]) == qwen_text([*prompt(row), ("assistant", answer)])
            assert record[f"{side}_targets"] == [f"{answer}<|im_end|>\n"]


def check_labelled(loaded: list[Any]) -> None:
    (record,) = loaded
    turns = [("user", "Is it so?"), ("assistant", "It is.")]
    assert (record["text"], record["targets"], record["label"]) == (qwen_text(turns), ["It is.<|im_end|>\n"], False)


def stages(folder: Path, table: str) -> str:
    """The stage files of a table, in order."""
    return ",".join(path.relative_to(folder).as_posix() for path in sorted((folder / table).iterdir()))


def of_stage(loaded: list[Any], stage: str) -> list[Any]:
    """What was loaded for the stage."""
    return [one for one in loaded if one["stage"] == stage]


def test_llama_factory_loads_what_was_exported(published: Published, tmp_path: Path, qwen: Path):
    trainer_python("llama-factory")
    folder = tmp_path / "out"
    done = export(published, folder, "llama_factory")
    assert done.left_out == UNJUDGED | UNLEARNED

    wanted = [
        f"{stage}={stages(folder, table)}".replace("/", "_").replace("-", "_").replace(".parquet", "")
        for stage, table in (("sft", "sft"), ("rm", "dpo"), ("kto", "kto"))
    ]
    loaded = load("llama-factory", qwen, folder, *wanted, scratch=tmp_path)
    check_rows(of_stage(loaded, "sft"), published.learned())
    check_pairs(of_stage(loaded, "rm"), pairs(published))
    check_labelled(of_stage(loaded, "kto"))


def test_ms_swift_loads_what_was_exported(published: Published, tmp_path: Path, qwen: Path):
    trainer_python("ms-swift")
    folder = tmp_path / "out"
    done = export(published, folder, "ms_swift")
    assert done.left_out == UNJUDGED

    wanted = [f"{mode}={stages(folder, table)}" for mode, table in (("train", "sft"), ("rlhf", "dpo"), ("kto", "kto"))]
    images = {"ROOT_IMAGE_DIR": str(folder)}
    loaded = load("ms-swift", qwen, folder, *wanted, scratch=tmp_path, settings=images)
    rows = of_stage(loaded, "train")
    check_rows(rows, published.of("sft"))
    assert [one["weighed"] for one in rows] == [weighed(row) for row in published.of("sft")]
    check_pairs(of_stage(loaded, "rlhf"), pairs(published))
    check_labelled(of_stage(loaded, "kto"))


def opening_turns(row: Row) -> list[tuple[str, str]]:
    """The turns with the system prompt before the first of them, for trainers whose templates bring one of their own;
    they do not look for sound."""
    turns = [(role, text.replace("<audio >", "<audio>")) for role, text in prompt(row)]
    if turns[0][0] != "system":
        return turns
    (_, system), (role, first), *others = turns
    return [(role, f"{system}\n\n{first}"), *others]


def spoken(published: Published) -> list[Row]:
    """SFT rows whose turns are a person's and a model's, all answers learned."""
    return [row for row in published.learned() if "tool" not in row.roles]


def test_axolotl_loads_what_was_exported(published: Published, tmp_path: Path, qwen: Path):
    trainer_python("axolotl")
    folder = tmp_path / "out"
    done = export(published, folder, "axolotl")
    others = {"preference: axolotl holds sft alone": len(published.of("preference"))}
    assert done.left_out == UNLEARNED | others
    names = [path.name for path in sorted(folder.glob("stage-*.parquet"))]
    loaded = load("axolotl", qwen, ".", *names, scratch=tmp_path, folder=folder)
    for record, row in zip(loaded, published.learned(), strict=True):
        turns = plain(row.messages)
        assert record["pictures"] == [picture_digest(data) for data in row.pictures]
        assert with_placeholders(record["text"]) == qwen_text(turns)
        assert record["targets"] == [f"{text}<|im_end|>" for role, text in turns if role == "assistant"]


def test_qwen_vl_reads_what_was_exported(published: Published, tmp_path: Path, qwen: Path):
    folder = tmp_path / "out"
    done = export(published, folder, "qwen_vl")
    others = {"preference: qwen_vl holds sft alone": len(published.of("preference"))}
    assert done.left_out == {"LLaVA's conversations have no turns of tools": 1} | UNLEARNED | others
    names = list(json.loads((folder / "data_dict.json").read_text()))
    loaded = load("qwen-vl", qwen, folder, *names, scratch=tmp_path)
    for record, row in zip(loaded, spoken(published), strict=True):
        turns = [(role, stripped(text) if role == "user" else text) for role, text in opening_turns(row)]
        assert record["pictures"] == [picture_digest(data) for data in row.pictures]
        assert with_placeholders(record["text"]) == qwen_text(turns)
        assert record["targets"] == [f"{text}<|im_end|>\n" for role, text in turns if role == "assistant"]


def stripped(text: str) -> str:
    """The question as Qwen-VL's code has it: without the space around its pictures and at its ends."""
    return "<image>".join(piece.strip() for piece in text.split("<image>"))


def test_internvl_reads_what_was_exported(published: Published, tmp_path: Path, qwen: Path):
    """A row of weight 1 comes twice as often as one of weight 0.5; the rows of each weight keep their order."""
    folder = tmp_path / "out"
    done = export(published, folder, "internvl")
    others = {"preference: internvl holds sft alone": len(published.of("preference"))}
    assert done.left_out == {"LLaVA's conversations have no turns of tools": 1} | UNLEARNED | others
    names = [path.name for path in sorted(folder.glob("meta-*.json"))]
    loaded = load("internvl", qwen, folder, *names, scratch=tmp_path)
    wanted = [row for stage in range(len(names)) for row in repeated(spoken(published), stage)]
    for record, row in zip(loaded, wanted, strict=True):
        assert record["pictures"] == [picture_digest(data) for data in row.pictures]
        assert record["text"] == qwen_text(opening_turns(row))
        assert record["targets"] == [f"{text}<|im_end|>" for role, text in opening_turns(row) if role == "assistant"]


def repeated(rows: list[Row], stage: int) -> list[Row]:
    """The rows of the stage, those of half a weight first, and those of a whole one twice."""
    light, whole = ([row for row in rows if row.stage == stage and row.weight == weight] for weight in (0.5, 1.0))
    assert len(light) + len(whole) == sum(row.stage == stage for row in rows)
    return light + whole * 2


def test_megatron_energon_loads_what_was_exported(published: Published, tmp_path: Path):
    """Each data set in its order; and in an epoch of a blend, rows of weight 0.5 half as often as those of weight 1."""
    trainer_python("megatron-energon")
    folder = tmp_path / "out"
    done = export(published, folder, "megatron_energon")
    assert done.left_out == UNJUDGED | UNLEARNED
    inner = sorted(path.parents[1].relative_to(folder).as_posix() for path in folder.rglob("dataset.yaml"))
    blends = ["sft/stage-01.yaml", "sft/metadataset.yaml"]
    loaded = load("megatron-energon", folder, *inner, *blends, scratch=tmp_path)
    for name in inner:
        kind, stage, weight = name.split("/")
        rows = published.learned() if kind == "sft" else published.of("preference")
        wanted = [
            row
            for row in rows
            if (row.stage, f"{row.weight:g}") == (int(stage[-2:]), weight[len("weight-") :]) and row.source_id != "tied"
        ]
        compare_samples(of_stage(loaded, name), wanted)
    for name, of_blend in (("sft/stage-01.yaml", {1}), ("sft/metadataset.yaml", {0, 1, 2, 3})):
        times = Counter(one["example_id"] for one in of_stage(loaded, name))
        assert set(times.values()) == {1}
        for stage in of_blend:
            light, whole = (
                [row for row in published.learned() if (row.stage, row.weight) == (stage, w)] for w in (0.5, 1)
            )
            assert sum(times[row.example_id] for row in light) == len(light) // 2
            assert all(times[row.example_id] == 1 for row in whole)


def compare_samples(samples: list[Any], rows: list[Row]) -> None:
    """Each sample's row has the texts of its row, in order, beside its pictures."""
    for sample, row in zip(samples, rows, strict=True):
        assert sample["pictures"] == [picture_digest(data) for data in row.pictures]
        assert (sample["example_id"], sample["position"]) == (row.example_id, row.position)
        if sample["table"] == "sft":
            parts = [part for turn in sample["messages"] for part in turn["content"]]
            assert [turn["role"] for turn in sample["messages"]] == row.roles
            assert [part["text"] for part in parts if part["type"] == "text"] == row.texts
        elif sample["table"] == "preference":
            texts = tuple(sample[side][0]["content"][0]["text"] for side in ("chosen", "rejected"))
            assert texts == sides(row)


def test_trl_makes_batches_of_what_was_exported(published: Published, tmp_path: Path, qwen: Path):
    """With the collators of SFT, DPO and KTO; SFT takes the loss over the whole conversation."""
    folder = tmp_path / "out"
    done = export(published, folder, "trl")
    assert done.left_out == UNJUDGED | UNLEARNED
    names = [path.relative_to(folder).as_posix() for path in sorted(folder.glob("*/*.parquet"))]
    loaded = load("trl", qwen, folder, *names, scratch=tmp_path)
    for record, row in zip(of_stage(loaded, "sft"), published.learned(), strict=True):
        assert record["pictures"] == [picture_digest(data) for data in row.pictures]
        assert with_placeholders(record["text"]) == qwen_text(plain(row.messages))
        assert "".join(map(with_placeholders, record["targets"])) == qwen_text(plain(row.messages))
    for record, row in zip(of_stage(loaded, "preference"), pairs(published), strict=True):
        asked = plain([message for message in row.messages if message.role not in CANDIDATES])
        assert record["pictures"] == [picture_digest(data) for data in row.pictures]
        for side, answer in zip(("chosen", "rejected"), sides(row), strict=True):
            assert with_placeholders(record[f"{side}_text"]) == qwen_text([*asked, ("assistant", answer)])
            assert record[f"{side}_targets"] == [f"{answer}<|im_end|>\n"]
    check_labelled(of_stage(loaded, "unpaired"))


def plain(messages: Iterable[Message]) -> list[tuple[str, str]]:
    """Role and text of turns whose parts follow each other, as a chat template puts them."""
    return [
        (message.role, "".join("<image>" if part.text is None else part.text for part in message.parts))
        for message in messages
    ]
