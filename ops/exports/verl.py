"""Parquet for verl: `data_source`, `prompt` (messages, with `<image>` in their texts), `images`, `ability`,
`reward_model` (`style`, `ground_truth`) and `extra_info`: `index` (place in the curriculum), and as JSON in `extra` the
columns that the row was delivered with. A literal `<image>`, `<video>` or `<audio>` of a text is written `<image >`,
for verl wants a file for each. A ground truth that was no text is written as JSON. Rollouts, where the prompt came with
some, are `responses` and `rewards`."""

import json
from collections.abc import Iterable

import pyarrow as pa

from ops.core.json_values import Cell
from ops.exports.contract import PROMPT, Export, Member, Shard
from ops.exports.prompts import TEXT_MESSAGES, prompt_of, refuse_unverified, source_of, text_messages, write_prompts
from ops.exports.rows import table_schema
from ops.exports.sink import Sink

_SCHEMA = table_schema(
    ("data_source", pa.string()),
    ("prompt", TEXT_MESSAGES),
    ("ability", pa.string()),
    ("reward_model", pa.struct([("style", pa.string()), ("ground_truth", pa.string())])),
    ("extra_info", pa.struct([("index", pa.int64()), ("extra", pa.string())])),
    ("responses", pa.list_(pa.string())),
    ("rewards", pa.list_(pa.float64())),
)


def _row(member: Member) -> dict[str, Cell]:
    prompt = prompt_of(member)
    ability = json.loads(member.extra).get("ability")
    responses = [rollout.response for rollout in prompt.rollouts if rollout.response is not None]
    rewards = [rollout.reward for rollout in prompt.rollouts]
    return {
        "data_source": source_of(member),
        "prompt": text_messages(member),
        "ability": ability if isinstance(ability, str) else None,
        "reward_model": {"style": prompt.style or "rule", "ground_truth": prompt.ground_truth},
        "extra_info": {"index": member.position, "extra": member.extra},
        "responses": responses or None,
        "rewards": rewards if any(reward is not None for reward in rewards) else None,
    }


def _write(shard: Shard, members: Iterable[Member], sink: Sink) -> int:
    return write_prompts(shard, members, sink, _SCHEMA, _row)


_RECIPE = """\
    data.train_files='[prompt/stage-00-00000.parquet]' data.prompt_key=prompt data.image_key=images data.shuffle=False

One stage after the other. verl chooses the reward function by `data_source`; a set that it does not know needs a
`custom_reward_function`. It does not weigh rows: export with `--repeats` where weights should count.
"""

EXPORT = Export(
    name="verl",
    title="Parquet of RL prompts for verl",
    write=_write,
    refuse=refuse_unverified,
    recipe=_RECIPE,
    proof="its own `RLHFDataset`, before it samples",
    kinds=(PROMPT,),
    turns_pictures=False,
)
