"""LLaVA's JSON and a folder of images. SFT only. `train.json` holds all rows in the order of the curriculum,
`stage-00.json`, `stage-01.json`, ... the stages, for LLaVA's trainer shuffles what it is given: train on one stage file
after the other (docs/exports.md has the recipe). A row has `id`, `conversations` and, where it shows any, `image`: a
path, or a list of paths where there are several; each `<image>` in a turn stands for the next of them. A system prompt
opens the first turn, for LLaVA's templates bring one of their own. A literal `<image>` of a text is written
`<image >`, so that the trainer does not look for one more picture. Boxes are written as shares of the sides."""

from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path

from ops.core.json_values import Cell
from ops.exports.contract import SFT, Export, Facts, Member, Shard, ShardDone
from ops.exports.conversation import about, require_sft, written_message
from ops.exports.rows import write_lines
from ops.exports.sink import Sink
from ops.exports.stage_files import join_array
from ops.text.placeholders import PLACEHOLDER

_SPEAKERS = {"user": "human", "assistant": "gpt"}


def row(member: Member) -> dict[str, Cell]:
    """The member as LLaVA's trainer reads it."""
    return conversation(member, reserved=(PLACEHOLDER,))


def conversation(member: Member, *, reserved: Sequence[str]) -> dict[str, Cell]:
    """The member as `conversations` and `image`, its system prompt before the first turn; `reserved` is what its loader
    takes for a placeholder."""
    require_sft(member)
    texts = [written_message(message, reserved=reserved) for message in member.messages]
    roles = [message.role for message in member.messages]
    opening = "".join(f"{text}\n\n" for role, text in zip(roles, texts, strict=True) if role == "system")
    names = [picture.name for picture in member.pictures]
    image: dict[str, Cell] = {"image": names[0] if len(names) == 1 else names} if names else {}
    speakers = zip(roles, texts, strict=True)
    turns = [{"from": _SPEAKERS[role], "value": text} for role, text in speakers if role != "system"]
    turns[0]["value"] = opening + turns[0]["value"]
    rest = {name: value for name, value in about(member).items() if name != "example_id"}
    return {"id": member.example_id, **image, "conversations": turns, **rest}


def refuse_tools(member: Member) -> str | None:
    """Why a format whose turns are a person's and a model's does not take the member."""
    if any(message.role == "tool" for message in member.messages):
        return "LLaVA's conversations have no turns of tools"
    return None


def _write(shard: Shard, members: Iterable[Member], sink: Sink) -> int:
    path = sink.part(shard.name)
    with path.with_suffix(".new").open("wb") as file:
        count = write_lines(file, map(row, members))
    path.with_suffix(".new").replace(path)
    return count


def _finish(facts: Facts, shards: Sequence[ShardDone], sink: Sink) -> None:
    filled = [done for done in shards if done.rows]
    join_array(_parts(filled, sink), sink, "train.json")
    for stage, of_stage in groupby(filled, key=lambda done: done.shard.stage_name):
        join_array(_parts(of_stage, sink), sink, f"{stage}.json")


def _parts(shards: Iterable[ShardDone], sink: Sink) -> list[Path]:
    return [sink.part(done.shard.name) for done in shards]


_RECIPE = """\
LLaVA's trainer shuffles what it is given (and groups it by length or modality), so train stage after stage, each from
the checkpoint of the one before, in this folder:

    --data_path stage-00.json --image_folder .

To keep the order inside a stage as well, leave out `--group_by_modality_length` and give the trainer a sampler that
does not shuffle: override `_get_train_sampler` to return `torch.utils.data.SequentialSampler(self.train_dataset)`; then
`train.json` does in one run.
"""

EXPORT = Export(
    name="llava",
    title="LLaVA JSON and images",
    write=_write,
    recipe=_RECIPE,
    proof="a loader that opens pictures and counts placeholders as its trainer does",
    refuse=refuse_tools,
    finish=_finish,
    kinds=(SFT,),
    boxes="unit",
    pictures_beside=True,
    turns_pictures=False,
)
