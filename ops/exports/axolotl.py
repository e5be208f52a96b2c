"""Parquet and a folder of images for axolotl's multimodal training. SFT only. `stage-00.parquet`, ... have `messages`
of `role` and `content`, a list of parts: `{"type": "text", "text": ...}` and `{"type": "image", "path": ...}`. Images
stand in the parts alone, for of a column `images` axolotl takes the first only. It reads `train: false` of a turn in
trainings of texts alone, so that examples of which some answer is not learned are left out."""

from collections.abc import Iterable, Sequence

import pyarrow as pa

from ops.core.json_values import Cell
from ops.exports.contract import SFT, Export, Facts, Member, Shard, ShardDone
from ops.exports.conversation import about, require_sft
from ops.exports.rows import ABOUT
from ops.exports.sink import Sink
from ops.exports.stage_files import TableRow, join_stages, join_tables, write_table_parts
from ops.intake.row import Message

_PART = pa.struct([("type", pa.string()), ("text", pa.string()), ("path", pa.string())])
_MESSAGE = pa.struct([("role", pa.string()), ("content", pa.list_(_PART))])
_SCHEMAS = {"sft": pa.schema([("messages", pa.list_(_MESSAGE)), *ABOUT])}


def row(member: Member) -> TableRow:
    """The member as axolotl's processing strategies read it."""
    require_sft(member)
    turns = [{"role": message.role, "content": _content(message, member)} for message in member.messages]
    return "sft", {"messages": turns, **about(member)}


def _content(message: Message, member: Member) -> list[dict[str, Cell]]:
    return [
        {"type": "image", "path": member.pictures[part.image].name}
        if part.image is not None
        else {"type": "text", "text": part.text}
        for part in message.parts
    ]


def _write(shard: Shard, members: Iterable[Member], sink: Sink) -> int:
    return write_table_parts(shard, map(row, members), sink, _SCHEMAS)


def _finish(facts: Facts, shards: Sequence[ShardDone], sink: Sink) -> None:
    join_stages(shards, sink, _SCHEMAS, join=join_tables, pattern="stage-{stage:02d}.parquet")


_RECIPE = """\
In this folder, for images are found below it:

    processor_type: AutoProcessor
    skip_prepare_dataset: true
    remove_unused_columns: false
    sample_packing: false
    datasets:
      - path: stage-00.parquet
        ds_type: parquet
        type: chat_template
    shuffle_merged_datasets: false

One stage after the other, each from the checkpoint of the one before. axolotl does not weigh rows: export with
`--repeats` where weights should count.
"""

EXPORT = Export(
    name="axolotl",
    title="axolotl, multimodal",
    write=_write,
    recipe=_RECIPE,
    proof="its own loader, processing strategy and collator, to tokens and labels",
    finish=_finish,
    kinds=(SFT,),
    pictures_beside=True,
)
