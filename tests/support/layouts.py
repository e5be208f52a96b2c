"""A row of every input format, in every layout that it occurs in."""

import io
import json
from typing import Any

from PIL import Image


def picture(number: int = 0, kind: str = "JPEG") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (40, 30 + number), (number * 40, 90, 20)).save(out, kind)
    return out.getvalue()


ASK = [{"from": "human", "value": "<image>\nWhat?"}, {"from": "gpt", "value": "A cat."}]
CHAT = [{"role": "user", "content": "What?"}, {"role": "assistant", "content": "A cat."}]
ANSWER = {"role": "assistant", "content": [{"type": "text", "text": "A cat."}]}
PARTS = [{"type": "image"}, {"type": "text", "text": "What?"}]


# name, format, a row as it stands in the file, the row as it is understood
LAYOUTS: list[tuple[str, str, dict[str, Any], str]] = [
    ("llava", "llava", {"id": "7", "image": "a.jpg", "conversations": ASK}, "user: <0>What? | assistant: A cat."),
    (
        "llava, several images",
        "llava",
        {
            "image": ["a.jpg", "b.jpg"],
            "conversations": [{"from": "human", "value": "<image>\n<image>\nSame?"}, {"from": "gpt", "value": "No."}],
        },
        "user: <0><1>Same? | assistant: No.",
    ),
    (
        "llava, an image later and system text",
        "llava",
        {
            "image": "a.jpg",
            "system": "Be brief.",
            "conversations": [
                {"from": "human", "value": "Hi"},
                {"from": "gpt", "value": "Hello"},
                {"from": "human", "value": "And this?\n<image>"},
                {"from": "gpt", "value": "A cat."},
            ],
        },
        "system: Be brief. | user: Hi | assistant: Hello | user: And this?<0> | assistant: A cat.",
    ),
    (
        "sharegpt with tools",
        "llava",
        {
            "conversations": [
                {"from": "human", "value": "Weather?"},
                {"from": "function_call", "value": "{}"},
                {"from": "observation", "value": "rain"},
                {"from": "gpt", "value": "It rains."},
            ]
        },
        "user: Weather? | assistant: {} | tool: rain | assistant: It rains.",
    ),
    (
        "a literal placeholder in a text without images",
        "messages",
        {"messages": [{"role": "user", "content": "What does <image> mean in HTML?"}, CHAT[1]]},
        "user: What does <image> mean in HTML? | assistant: A cat.",
    ),
    (
        "openai parts with a data url",
        "messages",
        {
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {"type": "text", "text": "What?"},
                        {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}},
                    ],
                },
                ANSWER,
            ]
        },
        "user: What?<0> | assistant: A cat.",
    ),
    (
        "trl messages with images",
        "messages",
        {"images": ["a.jpg"], "messages": [{"role": "user", "content": PARTS}, ANSWER]},
        "user: <0>What? | assistant: A cat.",
    ),
    (
        "llama-factory",
        "messages",
        {"images": ["a.jpg"], "messages": [{"role": "user", "content": "<image>What?"}, CHAT[1]]},
        "user: <0>What? | assistant: A cat.",
    ),
    (
        "trl preferences",
        "preferences",
        {"prompt": "What?", "chosen": "A cat.", "rejected": "A dog.", "images": ["a.jpg"]},
        "user: <0>What? | chosen: A cat. | rejected: A dog.",
    ),
    (
        "trl preferences, conversational",
        "preferences",
        {
            "prompt": [{"role": "user", "content": PARTS}],
            "chosen": [{"role": "assistant", "content": [{"type": "text", "text": "A cat."}]}],
            "rejected": [{"role": "assistant", "content": [{"type": "text", "text": "A dog."}]}],
            "images": ["a.jpg"],
        },
        "user: <0>What? | chosen: A cat. | rejected: A dog.",
    ),
    (
        "trl preferences, implicit prompt",
        "preferences",
        {"chosen": CHAT, "rejected": [CHAT[0], {"role": "assistant", "content": "A dog."}]},
        "user: What? | chosen: A cat. | rejected: A dog.",
    ),
    (
        "ultrafeedback, the prompt and whole conversations",
        "preferences",
        {
            "prompt": "What?",
            "chosen": CHAT,
            "rejected": [CHAT[0], {"role": "assistant", "content": "A dog."}],
            "messages": CHAT,
            "score_chosen": 7.5,
            "score_rejected": 3.0,
        },
        "user: What? | chosen: A cat. | rejected: A dog.",
    ),
    (
        "rlhf-v with json in a string",
        "rlhf_v",
        {
            "idx": 3,
            "text": json.dumps({"question": "What?", "chosen": "A cat.", "rejected": "A dog."}),
            "image_path": "a.jpg",
        },
        "user: <0>What? | chosen: A cat. | rejected: A dog.",
    ),
    (
        "rlaif-v",
        "rlhf_v",
        {"question": "What?", "chosen": "A cat.", "rejected": "A dog.", "image": "a.jpg", "ds_name": "x"},
        "user: <0>What? | chosen: A cat. | rejected: A dog.",
    ),
    (
        "rated responses",
        "rated",
        {
            "prompt": "What?",
            "image": "a.jpg",
            "completions": [{"response": "A cat.", "rating": "9"}, {"response": "A dog.", "rating": "2"}],
            "rating_scale": 10,
        },
        "user: <0>What? | response: A cat. | response: A dog.",
    ),
    (
        "judged responses of Assay",
        "judged_lines",
        {
            "messages": [{"role": "user", "content": [{"type": "image", "image": "a.jpg"}, PARTS[1]]}],
            "responses": [{"text": "A cat.", "role": "chosen"}, {"text": "A dog.", "role": "rejected"}],
        },
        "user: <0>What? | chosen: A cat. | rejected: A dog.",
    ),
    (
        "labelled",
        "labelled",
        {"prompt": "What?", "completion": "A dog.", "label": False, "image": "a.jpg"},
        "user: <0>What? | response: A dog.",
    ),
    ("captions", "captions", {"image": "a.jpg", "caption": "A cat."}, "user: <0> | assistant: A cat."),
    (
        "several captions",
        "captions",
        {"file_name": "a.jpg", "captions": ["A cat.", "A grey cat."]},
        "user: <0> | assistant: A cat.\nA grey cat.",
    ),
]
