"""EasyR1, which comes as no package: `process_image` and `_build_messages`, written anew after verl/utils/dataset.py;
the processor is transformers' own."""

import math
from typing import Any

from PIL import Image

LEAST_PX, MOST_PX = 262_144, 4_194_304
"""`min_pixels` and `max_pixels` of its settings."""


def encoded(problem: str, pictures: list[Image.Image], processor: Any) -> Any:
    """The prompt's tokens and pictures."""
    content: list[dict[str, str]] = []
    for number, text in enumerate(problem.split("<image>")):
        content += [{"type": "image"}] if number else []
        content += [{"type": "text", "text": text}] if text else []
    asked = [{"role": "user", "content": content}]
    prompt = processor.apply_chat_template(asked, add_generation_prompt=True, tokenize=False)
    return processor(pictures or None, [prompt], add_special_tokens=False, return_tensors="pt")


def prepared(picture: Image.Image) -> Image.Image:
    """The picture as the processor is given it."""
    picture.load()
    for most, grow in ((MOST_PX, False), (LEAST_PX, True)):
        pixels = picture.width * picture.height
        if pixels < most if grow else pixels > most:
            scale = math.sqrt(most / pixels)
            picture = picture.resize((int(picture.width * scale), int(picture.height * scale)))
    return picture.convert("RGB")
