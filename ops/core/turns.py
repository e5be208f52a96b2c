"""The turns of a batch of examples: each answer that a model would learn, with the question before it."""

from dataclasses import dataclass

import pyarrow as pa

from ops.core.stored import StoredMessage

ANSWERS = frozenset(("assistant", "chosen"))
"""Roles whose text is a target: rejected answers are not, and a judged `response` may be a bad one."""
CANDIDATE_ROLES = ("chosen", "rejected", "response")
"""Roles of the candidates that a preference example ends in."""
GROUND_TRUTH = "ground_truth"
"""The role of what an RL prompt's answers are verified against. Nobody says it and nobody is taught it."""
ROLLOUT = "rollout"
"""The role of a model's response to an RL prompt that came with it. It is no target either."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One answer: `row` is the example's place in the batch, `turn` counts the example's answers from 0, `query` is
    the user message before it (its texts joined; empty where there is none)."""

    row: int
    turn: int
    query: str
    answer: str


def message_text(message: StoredMessage) -> str:
    """The texts of a message as it is stored (schemas.EXAMPLES), joined."""
    return "".join(part["text"] for part in message["parts"] or () if part["text"])


def read_turns(examples: pa.Table) -> list[Turn]:
    """The turns of the examples (schemas.EXAMPLES), in order."""
    return [turn for row, messages in enumerate(examples["messages"].to_pylist()) for turn in _turns(row, messages)]


def _turns(row: int, messages: list[StoredMessage] | None) -> list[Turn]:
    turns: list[Turn] = []
    query = ""
    for message in messages or ():
        text = message_text(message)
        if message["role"] == "user":
            query = text
        elif message["role"] in ANSWERS:
            turns.append(Turn(row, len(turns), query, text))
    return turns
