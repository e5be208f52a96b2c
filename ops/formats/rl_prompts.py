"""What the formats of RL prompts share: the conversation that asks, the ground truth, and rollouts with their rewards.

Nothing of a prompt is a target: an answer in its conversation is `context`, and its ground truth and rollouts are
messages of their own roles."""

import json
import math
from collections.abc import Mapping, Sequence
from decimal import Decimal

from ops.core.identity import canonical_json
from ops.core.json_values import Cell, Fields
from ops.core.turns import GROUND_TRUTH, ROLLOUT
from ops.formats import fields
from ops.formats.messages import Conversation, conversation
from ops.intake.row import CONTEXT, ImageRef, Message, Part, Prompt, Rollout, Row, RowError

TRUTHS = (
    "ground_truth",
    "solution",
    "expected_answer",
    "reference_answer",
    "final_answer",
    "gt_answer",
    "gt",
    "ground_truths",
)
"""Fields that hold a ground truth, whatever else a row has; the first that holds one is taken."""
STYLES = ("style", "reward_style", "problem_type", "answer_type", "task_type")
SOURCES = ("data_source", "source", "task_name")
_RESPONSES = ("rollouts", "responses", "completions", "generations")
_REWARDS = ("rewards", "scores", "reward", "score")
_TEXTS = ("response", "completion", "text", "content", "output")


def truth_field(record: Fields, names: Sequence[str] = TRUTHS) -> str | None:
    """The field that holds the ground truth."""
    return next((name for name in names if record.get(name) is not None), None)


def prompt_row(
    record: Fields,
    *,
    items: Sequence[Cell],
    images: Sequence[ImageRef],
    truth: Cell,
    used: Sequence[str],
    style: Cell = None,
    source: Cell = None,
    implicit: bool = True,
    extra: Fields | None = None,
) -> Row:
    """A prompt of a record: `items` are its messages, `used` the fields that were read for them and the ground truth.
    Style and source are looked for under their usual names where they are not given. What is not read is metadata."""
    asked = conversation(items, images, implicit=implicit, objects=record.get("objects"))
    turns = _context_turns(asked)
    text, is_json = _as_text(truth)
    rollouts, scored = _rollouts(record, used)
    styled, sourced = _named(record, STYLES, style, used), _named(record, SOURCES, source, used)
    held = {**fields.rest(record, "id", *used, *scored, *styled[1], *sourced[1]), **(extra or {})}
    return Row(
        kind="prompt",
        source_id=fields.id_field(record, "id"),
        messages=(*turns, *_ends(text, rollouts)),
        images=asked.images,
        prompt=Prompt(
            ground_truth=text, is_json=is_json, style=styled[0], data_source=sourced[0], rollouts=tuple(rollouts)
        ),
        metadata=held,
        boxes=asked.boxes,
    )


def _context_turns(asked: Conversation) -> list[Message]:
    """The conversation, of which nothing is learned."""
    return [Message(CONTEXT if turn.role == "assistant" else turn.role, turn.parts) for turn in asked.messages]


def _ends(truth: str | None, rollouts: Sequence[Rollout]) -> list[Message]:
    ends = [] if truth is None else [Message(GROUND_TRUTH, (Part(truth),))]
    return ends + [Message(ROLLOUT, (Part(one.response),)) for one in rollouts if one.response is not None]


def _as_text(truth: Cell) -> tuple[str | None, bool]:
    if truth is None or isinstance(truth, str):
        return truth, False
    if isinstance(truth, float) and not math.isfinite(truth):
        raise RowError("field_type", "the ground truth is not a finite number")
    if isinstance(truth, Decimal):
        return str(truth), True
    if not isinstance(truth, bool | int | float | list | tuple | Mapping):
        raise RowError("field_type", f"the ground truth is of type {type(truth).__name__}")
    return canonical_json(truth), True


def _named(record: Fields, names: Sequence[str], given: Cell, used: Sequence[str]) -> tuple[str | None, list[str]]:
    """What a style or a source is called, and the fields that say so and nothing else."""
    if given is None:
        name = next((n for n in names if n not in used and isinstance(record.get(n), str) and record[n]), None)
        return (None, []) if name is None else (fields.text_field(record, name), [name])
    if not isinstance(given, str):
        raise RowError("field_type", f"{names[0]} is {str(given)[:60]!r}, not a text")
    return given or None, []


def _rollouts(record: Fields, used: Sequence[str]) -> tuple[list[Rollout], list[str]]:
    """The rollouts of a row and the fields that hold them: a list of texts, or of objects with a reward each, beside a
    list of rewards; or rewards alone."""
    name = next((n for n in _RESPONSES if n not in used and isinstance(record.get(n), list) and record[n]), None)
    scores = next((n for n in _REWARDS if n not in used and isinstance(record.get(n), list) and record[n]), None)
    rewards = [_reward(value) for value in fields.list_field(record, scores)] if scores else None
    read = [field for field in (name, scores) if field]
    if name is None:
        return [Rollout(None, reward) for reward in rewards or ()], read
    pairs = [_rollout(item) for item in fields.list_field(record, name)]
    if rewards is None:
        return [Rollout(*pair) for pair in pairs], read
    if len(rewards) != len(pairs):
        raise RowError("rating_invalid", f"{len(pairs)} {name} and {len(rewards)} {scores}")
    return [Rollout(text, reward) for (text, _), reward in zip(pairs, rewards, strict=True)], read


def _rollout(item: Cell) -> tuple[str, float | None]:
    if isinstance(item, str):
        return item, None
    if isinstance(item, list) and len(item) == 1 and isinstance(item[0], Mapping):  # TRL's completion as messages
        item = item[0]
    if not isinstance(item, Mapping):
        raise RowError("field_type", f"a rollout is {json.dumps(item, default=str)[:60]}, not a text or an object")
    text = next((text for text in map(item.get, _TEXTS) if isinstance(text, str)), None)
    if text is None:
        raise RowError("field_missing", "the response of a rollout")
    reward = next((item[name] for name in ("reward", "score") if item.get(name) is not None), None)
    return text, None if reward is None else _reward(reward)


def _reward(value: Cell) -> float | None:
    if isinstance(value, bool):
        return float(value)
    return None if value is None else fields.number(value)
