"""Parquet for TRL's GRPO and RLOO: `prompt` (messages of typed parts, an image part for the next of `images`),
`images`, and the columns that reward functions get: `solution` (null where the prompt has no ground truth),
`data_source`, `style`, and `extra` as JSON. Rollouts are left out."""

from collections.abc import Iterable

import pyarrow as pa

from ops.core.json_values import Cell
from ops.exports.contract import PROMPT, Export, Member, Shard
from ops.exports.conversation import typed_parts
from ops.exports.prompts import VERIFIED, prompt_of, verified, write_prompts
from ops.exports.rows import MESSAGES, table_schema
from ops.exports.sink import Sink

_SCHEMA = table_schema(("prompt", MESSAGES), ("solution", pa.string()), *VERIFIED)


def _row(member: Member) -> dict[str, Cell]:
    turns = [{"role": message.role, "content": typed_parts(message)} for message in member.messages]
    return {"prompt": turns, "solution": prompt_of(member).ground_truth, **verified(member)}


def _write(shard: Shard, members: Iterable[Member], sink: Sink) -> int:
    return write_prompts(shard, members, sink, _SCHEMA, _row)


_RECIPE = """\
    files = sorted(glob.glob("prompt/stage-00-*.parquet"))
    stage = datasets.load_dataset("parquet", data_files=files, split="train")

One stage after the other, each from the checkpoint of the one before; `GRPOConfig(shuffle_dataset=False)` keeps the
order inside a stage. TRL does not weigh rows: export with `--repeats` where weights should count.
"""

EXPORT = Export(
    name="trl_grpo",
    title="Parquet of RL prompts for TRL's GRPO",
    write=_write,
    recipe=_RECIPE,
    proof="its own GRPOTrainer's data loader and tokenization, before it samples",
    kinds=(PROMPT,),
)
