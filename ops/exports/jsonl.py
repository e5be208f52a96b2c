"""Plain JSON lines and a folder of images. `sft/stage-00-00000.jsonl`, ... hold `messages`;
`preference/stage-00-00000.jsonl`, ... hold `messages` (the prompt) and `responses`, each with its role (chosen,
rejected or response), label and mean rating with its scale, whether or not they make a pair. A message is a `role` and
`content`, a list of `{"type": "text", "text": ...}` and `{"type": "image", "image": PATH}`. Files sort into the order
of the curriculum. Assay reads them back as what they were (`judged_lines`)."""

from collections.abc import Iterable
from dataclasses import asdict

from ops.core.json_values import Cell
from ops.exports.contract import SFT, Export, Member, Shard
from ops.exports.conversation import about, require_sft
from ops.exports.rows import write_lines
from ops.exports.sink import Sink
from ops.intake.row import Message


def row(member: Member) -> dict[str, Cell]:
    """The member as a line; pictures by their path."""
    turns = [{"role": message.role, "content": _content(message, member)} for message in member.messages]
    if member.kind == SFT:
        require_sft(member)
        return {**about(member), "messages": turns}
    responses = [asdict(judged) for judged in member.responses]
    return {**about(member), "soft_label": member.soft_label, "messages": turns, "responses": responses}


def _content(message: Message, member: Member) -> list[dict[str, Cell]]:
    return [
        {"type": "image", "image": member.pictures[part.image].name}
        if part.image is not None
        else {"type": "text", "text": part.text}
        for part in message.parts
    ]


def _write(shard: Shard, members: Iterable[Member], sink: Sink) -> int:
    name = f"{shard.kind}/{shard.stage_name}-{shard.number:05d}.jsonl"
    with sink.open(name) as file:
        count = write_lines(file, map(row, members))
    sink.count_rows({name: count})
    return count


_RECIPE = """\
Read the files of a kind in the order of their names, line by line. Paths of pictures start in this folder.
"""

EXPORT = Export(
    name="jsonl",
    title="JSON lines and images",
    write=_write,
    recipe=_RECIPE,
    proof="Assay's own reader",
    pictures_beside=True,
    revision=2,
)
