"""JSON lines, a folder of images and meta files for InternVL. SFT only. `meta-stage-00.json`, ... name by data set the
`annotation` (a file of `stage-00/`), `root`, `length` and `repeat_time`. Rows of one weight are one file, and
`repeat_time` is how often it is gone through, twelve times at most: whole numbers whose ratios are those of the
weights, for InternVL takes only the beginning of a file for less than 1. A row has `id`, `image` (a path, or a list of
paths) and `conversations` of `from` (human, gpt) and `value`, in which `<image>` stands for the next of the images. A
system prompt opens the first turn; a literal `<image>` or `<video>` of a text is written `<image >`. The order inside a
stage is that of the curriculum within each weight; boxes are written in thousandths of the sides."""

import json
from collections.abc import Iterable, Sequence

from ops.core.json_values import Cell, fields_of, items_of
from ops.exports.contract import SFT, Export, Facts, Member, Shard, ShardDone
from ops.exports.conversation import refuse_shown_answers, refuse_uneven
from ops.exports.llava import conversation, refuse_tools
from ops.exports.sink import Sink
from ops.exports.stage_files import StageFile, TableRow, join_lines, join_stages, part_tables, write_line_parts
from ops.exports.weights import class_weight, weight_class, whole_repeats
from ops.text.placeholders import PLACEHOLDER

_RESERVED = (PLACEHOLDER, "<video>")


def row(member: Member) -> TableRow:
    """The weight class that the member belongs to, and the member as InternVL's loader reads it."""
    line = conversation(member, reserved=_RESERVED)
    first = fields_of(items_of(line["conversations"])[0])
    if isinstance(line.get("image"), str) and PLACEHOLDER not in str(first.get("value")):
        # Of a single path InternVL puts the picture into the first turn; of a list it lets it stand where it stands.
        line["image"] = [line["image"]]
    return weight_class(member), line


def _refuse(member: Member) -> str | None:
    return refuse_tools(member) or refuse_uneven(member) or refuse_shown_answers(member)


def _write(shard: Shard, members: Iterable[Member], sink: Sink) -> int:
    return write_line_parts(shard, map(row, members), sink)


def _finish(facts: Facts, shards: Sequence[ShardDone], sink: Sink) -> None:
    tables = part_tables(shards, sink)
    files = join_stages(shards, sink, tables, join=join_lines, pattern="stage-{stage:02d}/{table}.jsonl")
    repeats = whole_repeats(map(class_weight, tables))
    for stage in sorted({file.stage for file in files}):
        meta = {
            f"stage_{stage:02d}_{file.table.replace('-', '_')}": _entry(file, repeats[class_weight(file.table)])
            for file in files
            if file.stage == stage
        }
        with sink.open(f"meta-stage-{stage:02d}.json") as info:
            info.write(json.dumps(meta, indent=2).encode())


def _entry(file: StageFile, repeat_time: int) -> dict[str, Cell]:
    return {
        "root": ".",
        "annotation": file.name,
        "data_augment": False,
        "repeat_time": repeat_time,
        "length": file.rows,
    }


_RECIPE = """\
In this folder, for paths start in it:

    --meta_path meta-stage-00.json

One stage after the other, each from the checkpoint of the one before; InternVL's trainer shuffles within. An epoch goes
through a file as often as its `repeat_time` says, and `--num_train_epochs` counts such epochs. Rows longer than
`--max_seq_length` are cut, and one whose pictures do not fit is replaced by another at random.
"""

EXPORT = Export(
    name="internvl",
    title="InternVL meta file and JSON lines",
    write=_write,
    recipe=_RECIPE,
    proof="a reader after its `LazySupervisedDataset`, to tokens and labels",
    refuse=_refuse,
    finish=_finish,
    weights="`repeat_time` of a file a weight",
    kinds=(SFT,),
    boxes="thousand",
    pictures_beside=True,
    revision=2,
    turns_pictures=False,
)
