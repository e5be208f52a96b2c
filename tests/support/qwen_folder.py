"""The folder of a Qwen2.5-VL without weights: its processor's settings, its special tokens at their own places, and a
small byte-level vocabulary. Enough for trainers to read rows with it; nothing is fetched."""

import json
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

SPECIAL = [
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|object_ref_start|>",
    "<|object_ref_end|>",
    "<|box_start|>",
    "<|box_end|>",
    "<|quad_start|>",
    "<|quad_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|vision_pad|>",
    "<|image_pad|>",
    "<|video_pad|>",
    "<img>",
    "</img>",
    "<IMG_CONTEXT>",
]
FIRST_SPECIAL = 151643
ASSISTANT = 77091
"""The number of the token `assistant`, which Qwen's own fine-tuning code looks for."""
IMAGE_PAD = FIRST_SPECIAL + SPECIAL.index("<|image_pad|>")
_WORDS = (
    "the red boat near a small harbour shows two people and one yellow sail under grey clouds user assistant system"
)
_OPENING = (
    "{% if loop.first and message['role'] != 'system' %}"
    "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n{% endif %}"
)
_CHAT = (
    "<|im_start|>{{ message['role'] }}\n"
    "{% if message['content'] is string %}{{ message['content'] }}{% else %}"
    "{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}<|vision_start|><|image_pad|><|vision_end|>"
    "{% elif 'text' in part %}{{ part['text'] }}{% endif %}{% endfor %}{% endif %}"
    "<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
_VISION = {"depth": 1, "hidden_size": 16, "intermediate_size": 16, "num_heads": 2, "out_hidden_size": 16}
_TEXT = {
    "hidden_size": 16,
    "intermediate_size": 16,
    "num_attention_heads": 2,
    "num_hidden_layers": 1,
    "num_key_value_heads": 2,
    "max_position_embeddings": 32768,
    "vocab_size": 151936,
    "rope_scaling": {"type": "mrope", "mrope_section": [1, 1, 2]},
}


def write_qwen(folder: Path, *, default_system: bool = True) -> Path:
    """Writes the folder; returns it. `default_system`: its chat template brings a system prompt of its own, as
    Qwen2.5-VL's does."""
    folder.mkdir(parents=True, exist_ok=True)
    chat = "{% for message in messages %}" + (_OPENING if default_system else "") + _CHAT
    _tokenizer().save(str(folder / "tokenizer.json"))
    added = {
        str(FIRST_SPECIAL + at): {"content": token, "special": True, "normalized": False}
        for at, token in enumerate(SPECIAL)
    }
    _write(
        folder / "tokenizer_config.json",
        {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "added_tokens_decoder": added,
            "eos_token": "<|im_end|>",
            "pad_token": "<|endoftext|>",
            "model_max_length": 32768,
            "clean_up_tokenization_spaces": False,
            "chat_template": chat,
        },
    )
    _write(
        folder / "preprocessor_config.json",
        {
            "image_processor_type": "Qwen2VLImageProcessor",
            "processor_class": "Qwen2_5_VLProcessor",
            "size": {"shortest_edge": 3136, "longest_edge": 12845056},
            "patch_size": 14,
            "temporal_patch_size": 2,
            "merge_size": 2,
        },
    )
    _write(
        folder / "config.json",
        {
            "architectures": ["Qwen2_5_VLForConditionalGeneration"],
            "model_type": "qwen2_5_vl",
            "image_token_id": IMAGE_PAD,
            "video_token_id": IMAGE_PAD + 1,
            "vision_start_token_id": IMAGE_PAD - 3,
            "vision_config": {"model_type": "qwen2_5_vl", **_VISION},
            "text_config": {"model_type": "qwen2_5_vl_text", **_TEXT},
            **_TEXT,
        },
    )
    (folder / "chat_template.jinja").write_text(chat, "utf-8")
    return folder


def _tokenizer() -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=410, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator([*[_WORDS] * 4, *["assistant"] * 20], trainer)
    filled = json.loads(tokenizer.to_str())
    vocabulary = filled["model"]["vocab"]
    vocabulary |= {f"\u0000{at}": at for at in range(len(vocabulary), FIRST_SPECIAL)}  # ids of the real vocabulary
    vocabulary[f"\u0000{ASSISTANT}"], vocabulary["assistant"] = vocabulary["assistant"], ASSISTANT
    whole = Tokenizer.from_str(json.dumps(filled))
    whole.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in SPECIAL])
    return whole


def _write(path: Path, value: dict[str, Any]) -> None:
    path.write_text(json.dumps(value), "utf-8")
