"""Parquet for EasyR1: `problem` (with `<image>` in its text), `answer` and `images`. EasyR1 asks one question: a system
prompt opens it, and a prompt of several turns cannot be carried. Rollouts are left out."""

from collections.abc import Iterable

import pyarrow as pa

from ops.core.json_values import Cell
from ops.exports.contract import PROMPT, Export, Member, Shard
from ops.exports.prompts import VERIFIED, prompt_of, refuse_unverified, text_messages, verified, write_prompts
from ops.exports.rows import table_schema
from ops.exports.sink import Sink

_SCHEMA = table_schema(("problem", pa.string()), ("answer", pa.string()), *VERIFIED)


def _refuse(member: Member) -> str | None:
    roles = [message.role for message in member.messages if message.role != "system"]
    return refuse_unverified(member) or ("the prompt is of several turns" if roles != ["user"] else None)


def _row(member: Member) -> dict[str, Cell]:
    texts = [message["content"] for message in text_messages(member)]
    return {"problem": "\n".join(texts), "answer": prompt_of(member).ground_truth, **verified(member)}


def _write(shard: Shard, members: Iterable[Member], sink: Sink) -> int:
    return write_prompts(shard, members, sink, _SCHEMA, _row)


_RECIPE = """\
    data.train_files=prompt/stage-00-00000.parquet data.prompt_key=problem data.answer_key=answer data.shuffle=false

One stage after the other. EasyR1 does not weigh rows: export with `--repeats` where weights should count.
"""

EXPORT = Export(
    name="easyr1",
    title="Parquet of RL prompts for EasyR1",
    write=_write,
    refuse=_refuse,
    recipe=_RECIPE,
    proof="a reader after its `RLHFDataset`, before it samples",
    kinds=(PROMPT,),
    turns_pictures=False,
)
