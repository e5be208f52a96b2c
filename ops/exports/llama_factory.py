"""Parquet and a folder of images for LLaMA-Factory, with its `dataset_info.json`. A data set for each stage:
`sft_stage_00` has `messages` and `images` (paths), `dpo_stage_00` also `chosen` and `rejected`, each a turn, and
`kto_stage_00` a conversation that ends in the judged answer, and its `kto_tag`. A turn is a `role` (system, user,
assistant, tool) and a `content`, in which `<image>` stands for the next of the images; a literal `<image>`, `<video>`
or `<audio>` of a text is written `<image >`. LLaMA-Factory masks all answers but the last, or none: examples of which
some answer is not learned are left out."""

import json
from collections.abc import Iterable, Sequence

import pyarrow as pa

from ops.core.json_values import Cell
from ops.exports.contract import SFT, Export, Facts, Member, Shard, ShardDone
from ops.exports.conversation import (
    about,
    label_of,
    pair_of,
    picture_paths,
    refuse_shown_answers,
    refuse_uneven,
    refuse_unjudged,
    require_sft,
    written_message,
)
from ops.exports.rows import path_schema
from ops.exports.sink import Sink
from ops.exports.stage_files import TableRow, join_stages, join_tables, write_table_parts
from ops.text.placeholders import MEDIA, without_placeholders

_TURN = pa.struct([("role", pa.string()), ("content", pa.string())])
_MESSAGES = ("messages", pa.list_(_TURN))
_SCHEMAS = {
    "sft": path_schema(_MESSAGES),
    "dpo": path_schema(_MESSAGES, ("chosen", _TURN), ("rejected", _TURN), ("soft_label", pa.float64())),
    "kto": path_schema(_MESSAGES, ("kto_tag", pa.bool_())),
}
_TAGS = {
    "role_tag": "role",
    "content_tag": "content",
    "user_tag": "user",
    "assistant_tag": "assistant",
    "observation_tag": "tool",
    "function_tag": "function_call",
    "system_tag": "system",
}
_COLUMNS = {
    "sft": {},
    "dpo": {"chosen": "chosen", "rejected": "rejected"},
    "kto": {"kto_tag": "kto_tag"},
}


def row(member: Member) -> TableRow:
    """The data set that the member belongs to and its row."""
    turns = [_turn(message.role, written_message(message, reserved=MEDIA)) for message in member.messages]
    shared = {"messages": turns, "images": picture_paths(member), **about(member)}
    if member.kind == SFT:
        require_sft(member)
        return "sft", shared
    if pair := pair_of(member):
        sides = {"chosen": _answer(pair.chosen), "rejected": _answer(pair.rejected)}
        return "dpo", {**shared, **sides, "soft_label": member.soft_label}
    judged = label_of(member)
    if judged is None:
        raise ValueError(f"{member.example_id}: no response is better than another")
    return "kto", {**shared, "messages": [*turns, _answer(judged.text)], "kto_tag": judged.label == "good"}


def _turn(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}


def _answer(text: str) -> dict[str, str]:
    return _turn("assistant", without_placeholders(text))


def _refuse(member: Member) -> str | None:
    return refuse_unjudged(member) or refuse_uneven(member) or refuse_shown_answers(member)


def _write(shard: Shard, members: Iterable[Member], sink: Sink) -> int:
    return write_table_parts(shard, map(row, members), sink, _SCHEMAS)


def _finish(facts: Facts, shards: Sequence[ShardDone], sink: Sink) -> None:
    described: dict[str, Cell] = {}
    for file in join_stages(shards, sink, _SCHEMAS, join=join_tables, pattern="{table}/stage-{stage:02d}.parquet"):
        described[f"{file.table}_stage_{file.stage:02d}"] = {
            "file_name": file.name,
            "formatting": "sharegpt",
            **({"ranking": True} if file.table == "dpo" else {}),
            "columns": {"messages": "messages", "images": "images", **_COLUMNS[file.table]},
            "tags": _TAGS,
        }
    with sink.open("dataset_info.json") as info:
        info.write(json.dumps(described, indent=2).encode())


_RECIPE = """\
    dataset_dir: FOLDER          # this folder; images are found below it
    dataset: sft_stage_00        # dpo_stage_00 with `stage: dpo`, kto_stage_00 with `stage: kto`
    disable_shuffling: true      # keeps the order inside a stage

One stage after the other, each from the checkpoint of the one before. LLaMA-Factory does not weigh rows: export with
`--repeats` where weights should count. Set `cutoff_len` above the longest row: what is longer is cut without a word.
"""

EXPORT = Export(
    name="llama_factory",
    title="LLaMA-Factory",
    write=_write,
    recipe=_RECIPE,
    proof="its own loader, to tokens and labels",
    refuse=_refuse,
    finish=_finish,
    pictures_beside=True,
    turns_pictures=False,
)
