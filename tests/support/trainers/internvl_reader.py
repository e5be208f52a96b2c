"""InternVL's trainer, which comes as no package: a turn's tokens and labels, written anew after
`preprocess_internvl2_5` of OpenGVLab/InternVL."""

from typing import Any

from loaded_rows import IGNORED

OPENING = "<|im_start|>assistant\n"


def turn_tokens(turn: dict[str, Any], tokenizer: Any) -> tuple[list[int], list[int]]:
    """The turn's tokens and labels; the line break behind an answer is not learned. KeyError where it is neither human
    nor gpt."""
    opening = {"human": "<|im_start|>user\n", "gpt": OPENING}[turn["from"]]
    tokens: list[int] = tokenizer(f"{opening}{turn['value']}<|im_end|>\n").input_ids
    skipped = len(tokenizer(OPENING).input_ids) if turn["from"] == "gpt" else len(tokens)
    return tokens, [IGNORED] * skipped + tokens[skipped:-1] + [IGNORED] * (turn["from"] == "gpt")
