"""A folder that looks like a Qwen2-VL model to a trainer's loader: its configuration, its picture processor and a
tokenizer of bytes, with the real model's numbers for what loaders look for by number. It has no weights."""

import json
from pathlib import Path
from typing import Any

SPECIAL = {
    "<|endoftext|>": 151643,
    "<|im_start|>": 151644,
    "<|im_end|>": 151645,
    "<|vision_start|>": 151652,
    "<|vision_end|>": 151653,
    "<|vision_pad|>": 151654,
    "<|image_pad|>": 151655,
    "<|video_pad|>": 151656,
}
ASSISTANT = 77091
"""The number of the token `assistant`, which Qwen's own fine-tuning code looks for."""
CHAT_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{% if message['content'] is string %}{{ message['content'] }}{% else %}"
    "{% for part in message['content'] %}{% if part['type'] == 'image' %}"
    "<|vision_start|><|image_pad|><|vision_end|>{% else %}{{ part['text'] }}{% endif %}{% endfor %}{% endif %}"
    "<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def byte_letters() -> dict[int, str]:
    """GPT-2's letter for each byte: printable ones stand for themselves, the others are moved behind 255."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    moved = [byte for byte in range(256) if byte not in printable]
    return {**{byte: chr(byte) for byte in printable}, **{byte: chr(256 + n) for n, byte in enumerate(moved)}}


def write_tiny_qwen(folder: Path) -> Path:
    """Write the model's files into the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    letters = byte_letters()
    # As in the real vocabulary, a line break has the number 198.
    order = [byte for byte in sorted(letters, key=lambda byte: letters[byte]) if byte != 10]
    order.insert(198, 10)
    vocabulary = {letters[byte]: number for number, byte in enumerate(order)} | {"assistant": ASSISTANT, **SPECIAL}
    added = [_added(number, text, special=True) for text, number in SPECIAL.items()]
    added.insert(0, _added(ASSISTANT, "assistant", special=False))
    level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False}
    tokenizer = {
        "version": "1.0",
        "added_tokens": added,
        "normalizer": None,
        "pre_tokenizer": level,
        "post_processor": level,
        "decoder": level,
        "model": {"type": "BPE", "vocab": vocabulary, "merges": []},
    }
    _write(folder / "tokenizer.json", tokenizer)
    names = {"pad_token": "<|endoftext|>", "eos_token": "<|im_end|>", "chat_template": CHAT_TEMPLATE}
    _write(
        folder / "tokenizer_config.json",
        {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "model_max_length": 100_000,
            "additional_special_tokens": list(SPECIAL),
            "clean_up_tokenization_spaces": False,
            "image_token": "<|image_pad|>",
            "video_token": "<|video_pad|>",
            **names,
        },
    )
    (folder / "chat_template.jinja").write_text(CHAT_TEMPLATE)
    _write(folder / "preprocessor_config.json", _picture_processor())
    _write(folder / "config.json", _model())
    return folder


def _added(number: int, text: str, *, special: bool) -> dict[str, Any]:
    switches = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    return {"id": number, "content": text, "special": special, **switches}


def _picture_processor() -> dict[str, Any]:
    return {
        "image_processor_type": "Qwen2VLImageProcessor",
        "processor_class": "Qwen2VLProcessor",
        "size": {"shortest_edge": 28 * 28, "longest_edge": 28 * 28 * 1280},
        "min_pixels": 28 * 28,
        "max_pixels": 28 * 28 * 1280,
        "patch_size": 14,
        "temporal_patch_size": 2,
        "merge_size": 2,
        "image_mean": [0.5, 0.5, 0.5],
        "image_std": [0.5, 0.5, 0.5],
    }


def _model() -> dict[str, Any]:
    text = {
        "hidden_size": 16,
        "intermediate_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "num_key_value_heads": 2,
        "vocab_size": 152_064,
        "rope_scaling": {"type": "mrope", "mrope_section": [1, 1, 2]},
    }
    vision = {"depth": 1, "embed_dim": 16, "hidden_size": 16, "num_heads": 2, "patch_size": 14}
    tokens = {
        "image_token_id": 151655,
        "video_token_id": 151656,
        "vision_start_token_id": 151652,
        "vision_end_token_id": 151653,
    }
    return {
        "architectures": ["Qwen2VLForConditionalGeneration"],
        "model_type": "qwen2_vl",
        "torch_dtype": "float32",
        **text,
        "vision_config": vision,
        **tokens,
    }


def _write(path: Path, value: dict[str, Any]) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False), "utf-8")
