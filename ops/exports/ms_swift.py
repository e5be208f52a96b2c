"""Parquet and a folder of images for ms-swift. `sft/stage-00.parquet`, ... have `messages` and `images` (paths),
`dpo/stage-00.parquet`, ... also `rejected_messages` and `rejected_images`, and `kto/stage-00.parquet`, ... a
conversation that ends in the judged answer, and its `label`. A message is a `role` (system, user, assistant, tool), a
`content`, in which `<image>` stands for the next of the images, and `loss` and `loss_scale`: an answer that is not
learned has `loss: false`, and one that is has as `loss_scale` the example's weight, times the weight that the answer
was delivered with. Boxes that came as `objects` go as such (`ref`, `bbox`, `bbox_type`, `image_id`; of a rejected side
in `rejected_objects`), with `<bbox>` and `<ref-object>` in the texts, and ms-swift writes them on the scale of the
model; all others stand in the texts as they came. A literal `<image>`, `<video>` or `<audio>` of a text is written
`<image >`, and beside objects so is `<bbox>`."""

from collections.abc import Iterable, Sequence

import pyarrow as pa

from ops.boxes.notations import OBJECTS
from ops.core.json_values import Cell
from ops.exports.contract import SFT, Export, Facts, Member, Shard, ShardDone
from ops.exports.conversation import (
    about,
    label_of,
    pair_of,
    picture_paths,
    refuse_uneven,
    refuse_unjudged,
    require_sft,
    written_message,
)
from ops.exports.rows import PATHS, path_schema
from ops.exports.sink import Sink
from ops.exports.stage_files import TableRow, join_stages, join_tables, write_table_parts
from ops.intake.row import CONTEXT, Message
from ops.text.placeholders import MEDIA, without_placeholders

_MESSAGE = pa.struct(
    [("role", pa.string()), ("content", pa.string()), ("loss", pa.bool_()), ("loss_scale", pa.float64())]
)
_MESSAGES = ("messages", pa.list_(_MESSAGE))
_OBJECTS = pa.struct(
    [
        ("ref", pa.list_(pa.string())),
        ("bbox", pa.list_(pa.list_(pa.float64()))),
        ("bbox_type", pa.string()),
        ("image_id", pa.list_(pa.int64())),
    ]
)
_CONVERSATION = (_MESSAGES, ("objects", _OBJECTS))
_SCHEMAS = {
    "sft": path_schema(*_CONVERSATION),
    "dpo": path_schema(
        *_CONVERSATION,
        ("rejected_messages", _MESSAGES[1]),
        ("rejected_images", PATHS),
        ("rejected_objects", _OBJECTS),
        ("soft_label", pa.float64()),
    ),
    "kto": path_schema(*_CONVERSATION, ("label", pa.bool_())),
}


def row(member: Member) -> TableRow:
    """The table that the member belongs to and its row."""
    objects = [side.cell() for side in member.objects]
    shared = {"images": picture_paths(member), "objects": objects[0] if objects else None, **about(member)}
    if member.kind == SFT:
        require_sft(member, masks_answers=True)
        return "sft", {"messages": [_turn(message, member) for message in member.messages], **shared}
    # Of a preference's prompt nothing is learned.
    prompt = [_turn(message, member, learned=False) for message in member.messages]
    if pair := pair_of(member):
        # Whole messages, for ms-swift refuses a `rejected_response` whose text is the chosen one's, though its boxes
        # are others; and with them it wants the images once more.
        rejected = {
            "rejected_messages": [*prompt, _answer(pair.rejected)],
            "rejected_images": shared["images"],
            "rejected_objects": objects[-1] if objects else None,
        }
        return "dpo", {
            "messages": [*prompt, _answer(pair.chosen)],
            **rejected,
            "soft_label": member.soft_label,
            **shared,
        }
    judged = label_of(member)
    if judged is None:
        raise ValueError(f"{member.example_id}: no response is better than another")
    return "kto", {"messages": [*prompt, _answer(judged.text)], "label": judged.label == "good", **shared}


def _turn(message: Message, member: Member, *, learned: bool = True) -> dict[str, Cell]:
    content = written_message(message, reserved=MEDIA)
    if message.role not in ("assistant", CONTEXT):
        return {"role": message.role, "content": content, "loss": None, "loss_scale": None}
    loss = learned and message.role != CONTEXT
    weight = member.loss_weight * (1.0 if message.loss is None else message.loss)
    return {
        "role": "assistant",
        "content": content,
        "loss": None if loss else False,
        "loss_scale": weight if loss and weight != 1.0 else None,
    }


def _answer(text: str) -> dict[str, Cell]:
    return {"role": "assistant", "content": without_placeholders(text), "loss": None, "loss_scale": None}


def _refuse(member: Member) -> str | None:
    if any(message.loss is not None and message.role != "assistant" for message in member.messages):
        return "a turn that is no answer carries loss, which the format cannot say"
    return refuse_unjudged(member) or refuse_uneven(member, joins_answers=True)


def _write(shard: Shard, members: Iterable[Member], sink: Sink) -> int:
    return write_table_parts(shard, map(row, members), sink, _SCHEMAS)


def _finish(facts: Facts, shards: Sequence[ShardDone], sink: Sink) -> None:
    join_stages(shards, sink, _SCHEMAS, join=join_tables, pattern="{table}/stage-{stage:02d}.parquet")


_RECIPE = """\
In this folder, for images are found below it (or name it in `ROOT_IMAGE_DIR`):

    swift sft --dataset sft/stage-00.parquet --is_binary_loss_scale false --dataset_shuffle false \\
      --train_dataloader_shuffle false --split_dataset_ratio 0
    swift rlhf --rlhf_type dpo --dataset dpo/stage-00.parquet
    swift rlhf --rlhf_type kto --dataset kto/stage-00.parquet

One stage after the other, each from the checkpoint of the one before. Without `--is_binary_loss_scale false` an answer
is learned whole or not at all, and weights between 0 and 1 count as 1; in DPO and KTO no row is weighed: export with
`--repeats` there. ms-swift leaves out rows that are longer than `--max_length` with a line in its log.
"""

EXPORT = Export(
    name="ms_swift",
    title="ms-swift",
    write=_write,
    recipe=_RECIPE,
    proof="its own loader and template, to tokens, labels and weights",
    refuse=_refuse,
    finish=_finish,
    masks_answers=True,
    boxes=OBJECTS,
    weights="`loss_scale` of the answers",
    pictures_beside=True,
    revision=2,
    turns_pictures=False,
)
