"""Canaries that are prompts of RL: one whose ground truth is another than that of the same prompt, and one that an SFT
row has taught."""

from ops.canaries.rows import Canary, Row, answered, drawn, marked, saying, text_of
from ops.canaries.texts import false_text
from ops.core.canonical import image_key, query_key
from ops.core.schemas import PROMPTS
from ops.core.turns import GROUND_TRUTH, ROLLOUT
from ops.prompts.truths import truth_key

OTHER_TRUTH, TAUGHT = "other_truth", "taught_question"
_LETTERS = "ABCD"
_MOST_WORDS = 3  # of an answer that may be a ground truth


def other_truth(row: Row, prompt: Row | None) -> Canary | None:
    """The prompt once more, with another letter, number or colour for its truth, or the opposite."""
    truth = prompt["ground_truth"] if prompt and prompt["query"] and not prompt["is_json"] else None
    changed = _changed(row, truth) if truth else None
    if prompt is None or truth is None or changed is None:
        return None
    canary = marked(row, OTHER_TRUTH)
    messages = [message for message in row["messages"] if message["role"] != ROLLOUT]
    canary["messages"] = [saying(one, changed) if one["role"] == GROUND_TRUTH else one for one in messages]
    known = {"example_id": canary["example_id"], "ground_truth": changed, "rollouts": None}
    return Canary(canary, prompt=prompt | known)


def taught_question(row: Row) -> Canary | None:
    """A prompt that asks an SFT row's first question about its pictures, and has its short answer for a truth."""
    place, query, answer = next(answered(row), (-1, "", ""))
    messages: list[Row] = row["messages"] or []
    if place != 1 or not query.strip() or len(answer.split()) > _MOST_WORDS:
        return None
    canary = marked(row, TAUGHT) | {"kind": "prompt", "metadata": None}
    canary["messages"] = [messages[0], {**messages[1], "role": GROUND_TRUTH}]
    asked = text_of(messages[0]) or ""
    known = {
        **{name: row[name] for name in ("dataset", "image_ids")},
        "example_id": canary["example_id"],
        "query": asked,
        "image_key": image_key(row["image_ids"]),
        "query_key": query_key(asked),
        "ground_truth": answer,
        "is_json": False,
    }
    return Canary(canary, prompt={name: known.get(name) for name in PROMPTS.schema.names})


def _changed(row: Row, truth: str) -> str | None:
    if truth.strip() in _LETTERS:
        return drawn(row, "letter", [letter for letter in _LETTERS if letter != truth.strip()])
    changed = false_text(row, truth)
    if changed is None or truth_key(changed, is_json=False) == truth_key(truth, is_json=False):
        return None
    return changed
