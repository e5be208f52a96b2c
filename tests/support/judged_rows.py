"""Rows of which something is no target: preference rows of every format that reads any, and prompts of RL."""

import json
from typing import Any

from tests.support.trainer_rows import ASK, CAT, DOG, TALK, V1_ASK, v1

REJECTED = "It is a purple submarine."
_ANSWERS = ("A cat.", REJECTED)
# Preference rows of every format that reads any, whose rejected text is REJECTED.
JUDGED: list[tuple[str, dict[str, Any]]] = [
    ("kto", {"messages": [ASK, DOG | {"content": REJECTED}], "images": ["a.jpg"], "label": False}),
    ("kto", {"conversations": [TALK[0], {"from": "gpt", "value": REJECTED}], "kto_tag": False, "id": "7"}),
    ("kto", {"instruction": "Name it.", "input": "", "output": REJECTED, "kto_tag": False}),
    ("labelled", {"prompt": "What?", "completion": REJECTED, "label": False, "image": "a.jpg"}),
    ("labelled", {"question": "What?", "answer": [DOG | {"content": REJECTED}], "label": "bad"}),
    ("preferences", {"prompt": "What?", "chosen": "A cat.", "rejected": REJECTED, "images": ["a.jpg"]}),
    ("preferences", {"chosen": [ASK, CAT], "rejected": [ASK, DOG | {"content": REJECTED}], "images": ["a.jpg"]}),
    ("rlhf_v", {"question": "What?", "chosen": "A cat.", "rejected": REJECTED, "image": "a.jpg"}),
    (
        "rlhf_v",
        {"text": json.dumps({"question": "What?", "chosen": "A cat.", "rejected": REJECTED}), "image_path": "a.jpg"},
    ),
    ("rejected_response", {"messages": [ASK, CAT], "images": ["a.jpg"], "rejected_response": REJECTED, "margin": 1}),
    ("rejected_response", {"query": "What?", "response": "A cat.", "rejected_response": REJECTED}),
    (
        "rejected_response",
        {"messages": [TALK[0], CAT], "rejected_messages": [TALK[0], DOG | {"content": REJECTED}], "channel": "pets"},
    ),
    (
        "turn_pairs",
        {"conversations": TALK[:1], "chosen": TALK[1], "rejected": {"from": "gpt", "value": REJECTED}, "image": None},
    ),
    ("turn_pairs", {"instruction": "Name it.", "input": "", "chosen": "A cat.", "rejected": REJECTED}),
    ("turn_pairs", {"chosen_messages": [V1_ASK, v1("A cat.")], "rejected_messages": [V1_ASK, v1(REJECTED)]}),
    (
        "rated",
        {"prompt": "What?", "completions": [{"response": t, "rating": 9 - 7 * n} for n, t in enumerate(_ANSWERS)]},
    ),
    ("rated", {"question": "What?", "responses": list(_ANSWERS), "scores": [1, 0], "image": "a.jpg"}),
    (
        "judged_lines",
        {
            "messages": [ASK, CAT, {"role": "user", "content": "Sure?"}],
            "images": ["a.jpg"],
            "responses": [{"text": t, "role": r} for t, r in zip(_ANSWERS, ("chosen", "rejected"), strict=True)],
        },
    ),
]

TRUTH = "seventeen zebras"
WRONG = "nine lions"
ASKED = {"role": "user", "content": "<image>How many?"}
VERL = {
    "data_source": "zoo",
    "prompt": [ASKED],
    "images": ["a.jpg"],
    "ability": "counting",
    "reward_model": {"style": "rule", "ground_truth": TRUTH},
    "extra_info": {"index": 3},
}
BESIDE = {"responses": [TRUTH, WRONG], "rewards": [1, 0]}
PROMPTS: list[tuple[str, dict[str, Any]]] = [
    ("verl", VERL),
    ("verl", VERL | BESIDE),
    ("easyr1", {"problem": "<image>How many?", "answer": TRUTH, "images": ["a.jpg"]}),
    ("easyr1", {"problem": "<image>How many?", "solution": TRUTH, "image": "a.jpg"} | BESIDE),
    ("nemo_rl", {"responses_create_params": {"input": "How many?"}, "expected_answer": TRUTH}),
    ("trl_grpo", {"prompt": "How many?", "solution": TRUTH}),
    ("trl_grpo", {"prompt": [{"role": "user", "content": "How many?"}], "ground_truth": TRUTH, "image": "a.jpg"}),
    ("ms_swift_grpo", {"messages": [ASKED], "images": ["a.jpg"], "solution": TRUTH}),
    ("ms_swift_grpo", {"query": "How many?", "solution": TRUTH, "history": [["Hi", "Hello"]]}),
]


def packed(record: dict[str, Any]) -> dict[str, Any]:
    """The record as the `json` of a tar's sample, beside an image."""
    images = {"jpg": b"picture"} if record.get("images") or record.get("image") else {}
    return {"__key__": "000", **images, "json": json.dumps(record).encode()}
