"""The RL prompts of a batch of examples: what is asked, what is right, and what models answered."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from ops.core.json_values import Json
from ops.core.stored import StoredMessage
from ops.core.turns import GROUND_TRUTH, ROLLOUT, message_text
from ops.intake.row import Prompt
from ops.intake.rows import whole_query

PROMPT_FACTS = "prompt_facts"
"""The key of an example's metadata that holds what of a prompt its messages cannot say."""


@dataclass(frozen=True, slots=True)
class Answered:
    """A response that a model gave, null where its score alone is known, and its reward."""

    response: str | None
    reward: float | None


@dataclass(frozen=True, slots=True)
class Asked:
    """One prompt: `row` is the example's place in the batch, `query` the whole conversation, `question` its last user
    message."""

    row: int
    query: str
    question: str
    truth: str | None
    is_json: bool
    style: str | None
    data_source: str | None
    rollouts: tuple[Answered, ...]


def facts_of(prompt: Prompt) -> dict[str, Any]:
    """What the metadata keeps of a prompt."""
    rewards = [rollout.reward for rollout in prompt.rollouts]
    held = {
        "is_json": prompt.is_json or None,
        "style": prompt.style,
        "data_source": prompt.data_source,
        "rewards": rewards if any(reward is not None for reward in rewards) else None,
    }
    return {name: value for name, value in held.items() if value is not None}


def read_prompts(examples: pa.Table) -> list[Asked]:
    """The prompts among the examples (schemas.EXAMPLES), in order."""
    columns = (examples[name].to_pylist() for name in ("kind", "messages", "metadata"))
    return [
        _asked(row, messages or (), metadata)
        for row, (kind, messages, metadata) in enumerate(zip(*columns, strict=True))
        if kind == "prompt"
    ]


def _asked(row: int, messages: Sequence[StoredMessage], metadata: str | None) -> Asked:
    facts = _facts(metadata)
    texts = [(message["role"], message_text(message)) for message in messages]
    responses = [text for role, text in texts if role == ROLLOUT]
    rewards = facts.get("rewards") or [None] * len(responses)
    if len(responses) != len(rewards):
        responses = [None] * len(rewards)  # scores were delivered without what they score
    return Asked(
        row=row,
        query=whole_query(texts),
        question=next((text for role, text in reversed(texts) if role == "user"), ""),
        truth=next((text for role, text in texts if role == GROUND_TRUTH), None),
        is_json=bool(facts.get("is_json")),
        style=facts.get("style"),
        data_source=facts.get("data_source"),
        rollouts=tuple(Answered(*pair) for pair in zip(responses, rewards, strict=True)),
    )


def _facts(metadata: str | None) -> Mapping[str, Any]:
    try:
        held: Json = json.loads(metadata or "{}")
    except ValueError:
        return {}
    facts = held.get(PROMPT_FACTS) if isinstance(held, dict) else None
    return facts if isinstance(facts, dict) else {}
