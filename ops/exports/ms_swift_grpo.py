"""JSON lines for ms-swift's GRPO: `messages` that end in the question (with `<image>` in their texts), `images` (paths
below the export's folder), and the columns that its reward functions get: `solution` (left out where the prompt has no
ground truth), `data_source`, `style`, and `extra` as JSON. Boxes that came as `objects` go as such (`ref`, `bbox`,
`bbox_type`, `image_id`), with `<bbox>` and `<ref-object>` in the texts, and ms-swift writes them on the scale of the
model; all others, and those of a ground truth, stand as they came. A literal `<image>`, `<video>` or `<audio>` of a
text is written `<image >`, and beside objects so is `<bbox>`. Rollouts are left out."""

from collections.abc import Iterable

from ops.boxes.notations import OBJECTS
from ops.core.json_values import Cell
from ops.exports.contract import PROMPT, Export, Member, Shard
from ops.exports.conversation import about
from ops.exports.prompts import prompt_of, text_messages, verified
from ops.exports.rows import write_lines
from ops.exports.sink import Sink


def _row(member: Member) -> dict[str, Cell]:
    truth = prompt_of(member).ground_truth
    return {
        "messages": text_messages(member),
        "images": [picture.name for picture in member.pictures],
        **({"objects": member.objects[0].cell()} if member.objects else {}),
        **({} if truth is None else {"solution": truth}),
        **verified(member),
        **about(member),
    }


def _write(shard: Shard, members: Iterable[Member], sink: Sink) -> int:
    name = f"prompt/{shard.stage_name}-{shard.number:05d}.jsonl"
    with sink.open(name) as file:
        count = write_lines(file, map(_row, members))
    sink.count_rows({name: count})
    return count


_RECIPE = """\
    ROOT_IMAGE_DIR=FOLDER swift rlhf --rlhf_type grpo --dataset prompt/stage-00-00000.jsonl --dataset_shuffle false \\
        --train_dataloader_shuffle false

One stage after the other. ms-swift does not weigh rows: export with `--repeats` where weights should count.
"""

EXPORT = Export(
    name="ms_swift_grpo",
    title="JSON lines of RL prompts for ms-swift's GRPO",
    write=_write,
    recipe=_RECIPE,
    proof="its own loader and template, before it samples",
    kinds=(PROMPT,),
    boxes=OBJECTS,
    pictures_beside=True,
    revision=2,
    turns_pictures=False,
)
