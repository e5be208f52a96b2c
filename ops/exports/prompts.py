"""Prompts of RL as the formats write them: what is asked, its ground truth, and who may be asked."""

from collections.abc import Callable, Iterable
from itertools import chain

import pyarrow as pa

from ops.core.json_values import Cell, Fields
from ops.exports.contract import Member, Shard
from ops.exports.conversation import about, written_message
from ops.exports.rows import TableWriter, with_bytes
from ops.exports.sink import Sink
from ops.intake.row import Prompt
from ops.text.placeholders import MEDIA

TEXT_MESSAGES = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))
"""Messages whose pictures are `<image>` in their texts."""


def prompt_of(member: Member) -> Prompt:
    """What answers to the member are verified against; ValueError where it is no prompt, so that nothing else is ever
    written as one."""
    if member.prompt is None or member.responses:
        raise ValueError(f"{member.example_id} is of kind {member.kind}: no prompt")
    return member.prompt


def text_messages(member: Member) -> list[dict[str, str]]:
    """The conversation up to the question. verl and ms-swift want a file for `<video>` and `<audio>` too."""
    texts = (written_message(message, reserved=MEDIA) for message in member.messages)
    return [{"role": message.role, "content": text} for message, text in zip(member.messages, texts, strict=True)]


def source_of(member: Member) -> str:
    """What rewards are chosen by: the data's own word, or else its data set."""
    return prompt_of(member).data_source or member.dataset


def verified(member: Member) -> dict[str, Cell]:
    """The columns that reward functions read beside the ground truth."""
    prompt = prompt_of(member)
    return {"data_source": source_of(member), "style": prompt.style, "extra": member.extra}


VERIFIED = [("data_source", pa.string()), ("style", pa.string()), ("extra", pa.string())]


def refuse_unverified(member: Member) -> str | None:
    """Why nothing can be rewarded."""
    return "no ground truth" if member.prompt is not None and member.prompt.ground_truth is None else None


def write_prompts(
    shard: Shard, members: Iterable[Member], sink: Sink, schema: pa.Schema, row: Callable[[Member], Fields]
) -> int:
    """The shard as one Parquet file, its pictures in the rows; no file where the format carries none of its members."""
    name = f"prompt/{shard.stage_name}-{shard.number:05d}.parquet"
    carried = iter(members)
    first = next(carried, None)
    if first is None:
        return 0
    with sink.open(name) as file:
        writer = TableWriter(file, schema)
        for member in chain([first], carried):
            writer.add(with_bytes({**row(member), **about(member)}, member))
        writer.close()
    sink.count_rows({name: writer.rows})
    return writer.rows
