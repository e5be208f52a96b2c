"""JSON lines and a folder of images for Qwen-VL's own fine-tuning code. SFT only. `stage-00.jsonl`, ... have `image` (a
path, or a list of paths) and `conversations` of `from` (human, gpt) and `value`, in which `<image>` stands for the next
of the images; `data_dict.json` has the entries for its registry of data sets. A system prompt opens the first turn, for
its code takes any turn that is not human's for an answer to learn. A literal `<image>` or `<video>` of a text is
written `<image >`. Its code strips the texts around a picture, and turns pictures by their EXIF orientation."""

import json
from collections.abc import Iterable, Sequence

from ops.core.json_values import Cell
from ops.exports.contract import SFT, Export, Facts, Member, Shard, ShardDone
from ops.exports.conversation import refuse_shown_answers, refuse_uneven
from ops.exports.llava import conversation, refuse_tools
from ops.exports.sink import Sink
from ops.exports.stage_files import TableRow, join_lines, join_stages, write_line_parts

_RESERVED = ("<image>", "<video>")


def row(member: Member) -> TableRow:
    """The member as Qwen-VL's loader reads it."""
    return "sft", conversation(member, reserved=_RESERVED)


def _refuse(member: Member) -> str | None:
    return refuse_tools(member) or refuse_uneven(member) or refuse_shown_answers(member)


def _write(shard: Shard, members: Iterable[Member], sink: Sink) -> int:
    return write_line_parts(shard, map(row, members), sink)


def _finish(facts: Facts, shards: Sequence[ShardDone], sink: Sink) -> None:
    files = join_stages(shards, sink, ("sft",), join=join_lines, pattern="stage-{stage:02d}.jsonl")
    registry: dict[str, Cell] = {
        f"stage_{file.stage:02d}": {"annotation_path": file.name, "data_path": "."} for file in files
    }
    with sink.open("data_dict.json") as info:
        info.write(json.dumps(registry, indent=2).encode())


_RECIPE = """\
In `qwenvl/data/__init__.py`, and then in this folder (or with its path before both paths):

    data_dict.update(json.load(open("data_dict.json")))

    --dataset_use stage_00

One stage after the other, each from the checkpoint of the one before; its trainer shuffles within. It does not weigh
rows, and `stage_00%50` takes half of them at random: export with `--repeats` where weights should count.
"""

EXPORT = Export(
    name="qwen_vl",
    title="Qwen-VL fine-tuning",
    write=_write,
    recipe=_RECIPE,
    proof="a reader after its `data_processor.py`, to tokens and labels",
    refuse=_refuse,
    finish=_finish,
    kinds=(SFT,),
    pictures_beside=True,
)
