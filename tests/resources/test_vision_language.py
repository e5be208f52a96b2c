"""The likelihood of answers equals that of a plain loop, one answer at a time, on tiny models with random weights."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import (
    AutoModelForImageTextToText,
    AutoProcessor,
    CLIPImageProcessor,
    CLIPVisionConfig,
    LlamaConfig,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaProcessor,
    PreTrainedTokenizerFast,
    Qwen2VLConfig,
    Qwen2VLForConditionalGeneration,
    Qwen2VLImageProcessor,
    Qwen2VLProcessor,
    Qwen2VLVideoProcessor,
)

from resources.likelihood import Asked, LikelihoodError, likelihood_identity
from resources.vision_language import VisionLanguageModel

SPEECH = "USER: what color is the circle? is there a dog on the grass? ASSISTANT: red blue yes no a dog, two dogs"
LLAVA = (
    "{% for m in messages %}{% if m.role == 'user' %}USER: {% for c in m.content %}{% if c.type == 'image' %}<image>\n"
    "{% else %}{{ c.text }}{% endif %}{% endfor %} {% else %}ASSISTANT: {% for c in m.content %}{{ c.text }}"
    "{% endfor %}</s>{% endif %}{% endfor %}{% if add_generation_prompt %}ASSISTANT:{% endif %}"
)
QWEN = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{% for c in m.content %}{% if c.type == 'image' %}"
    "<|vision_start|><|image_pad|><|vision_end|>{% else %}{{ c.text }}{% endif %}{% endfor %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def tokenizer(special: list[str], *, bos: str | None, **named: Any) -> PreTrainedTokenizerFast:
    """Byte-level BPE over a few words; puts `bos` first where there is one."""
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400, special_tokens=special, initial_alphabet=pre_tokenizers.ByteLevel.alphabet()
    )
    made.train_from_iterator([SPEECH] * 5, trainer)
    if bos:
        made.post_processor = processors.TemplateProcessing(single=f"{bos} $A", special_tokens=[(bos, 1)])
    return PreTrainedTokenizerFast(tokenizer_object=made, pad_token=special[0], bos_token=bos, **named)


def save_llava(folder: Path) -> None:
    text = tokenizer(["<pad>", "<s>", "</s>", "<image>"], bos="<s>", extra_special_tokens={"image_token": "<image>"})
    vision = CLIPVisionConfig(
        hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2, image_size=28, patch_size=14
    )
    language = LlamaConfig(
        vocab_size=len(text),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=96,
        pad_token_id=0,
    )
    config = LlavaConfig(
        vision_config=vision,
        text_config=language,
        image_token_id=text.convert_tokens_to_ids("<image>"),
        vision_feature_layer=-1,
    )
    LlavaForConditionalGeneration(config).save_pretrained(folder)
    images = CLIPImageProcessor(size={"shortest_edge": 28}, crop_size={"height": 28, "width": 28})
    LlavaProcessor(
        image_processor=images,
        tokenizer=text,
        patch_size=14,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=LLAVA,
    ).save_pretrained(folder)


def save_qwen(folder: Path) -> None:
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>", "<|image_pad|>"]
    named = {"image_token": "<|image_pad|>", "video_token": "<|video_pad|>"}
    text = tokenizer([*special, "<|video_pad|>"], bos=None, extra_special_tokens=named)
    ids = {name: text.convert_tokens_to_ids(name) for name in text.get_vocab()}
    vision = {"depth": 2, "embed_dim": 16, "hidden_size": 32, "num_heads": 2, "patch_size": 4, "mlp_ratio": 2}
    language = {
        "vocab_size": len(text),
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 512,
        "rope_parameters": {"rope_type": "default", "mrope_section": [1, 1, 2], "rope_theta": 10000.0},
    }
    config = Qwen2VLConfig(
        vision_config=vision,
        text_config=language,
        image_token_id=ids["<|image_pad|>"],
        video_token_id=ids["<|video_pad|>"],
        vision_start_token_id=ids["<|vision_start|>"],
        vision_end_token_id=ids["<|vision_end|>"],
    )
    Qwen2VLForConditionalGeneration(config).save_pretrained(folder)
    pixels = {"patch_size": 4, "merge_size": 2, "size": {"shortest_edge": 64, "longest_edge": 4096}}
    Qwen2VLProcessor(
        image_processor=Qwen2VLImageProcessor(**pixels),
        tokenizer=text,
        video_processor=Qwen2VLVideoProcessor(**pixels),
        chat_template=QWEN,
    ).save_pretrained(folder)


@pytest.fixture(scope="module", params=["llava", "qwen"])
def saved(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model with random weights and its processor, on disk."""
    folder = tmp_path_factory.mktemp(request.param)
    torch.manual_seed(3)
    {"llava": save_llava, "qwen": save_qwen}[request.param](folder)
    return folder


def picture(seed: int, size: tuple[int, int]) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8))


ASKED = [
    Asked("what color is the circle?", "red", (picture(1, (28, 28)),)),
    Asked("is there a dog on the grass?", "yes, a dog on the grass, two dogs", (picture(2, (40, 64)),)),
    Asked("is there a dog?", "no", (picture(3, (64, 30)),)),
    Asked("which is red?", "a dog", (picture(1, (28, 28)), picture(2, (40, 64)))),
    Asked("what color is the circle?", "red"),
    Asked("is there a dog on the grass, or are there two dogs there?", "blue ünïcode"),
    Asked("what is there?", " two dogs ", (picture(4, (50, 50)),)),
]


def plain(folder: Path, one: Asked) -> tuple[float, int]:
    """The same by hand: the template written out, one conversation, a loop over the answer's tokens."""
    processor = AutoProcessor.from_pretrained(folder)
    model = AutoModelForImageTextToText.from_pretrained(folder, dtype=torch.float64).eval()
    if "llava" in type(model).__name__.lower():
        before, image = "USER: " + "<image>\n" * len(one.images) + one.query + " ASSISTANT:", "<image>"
        answer, start = " " + one.answer, [1]
        counts = [4] * len(one.images)
    else:
        shown = "<|vision_start|><|image_pad|><|vision_end|>" * len(one.images)
        before = f"<|im_start|>user\n{shown}{one.query}<|im_end|>\n<|im_start|>assistant\n"
        answer, image, start = one.answer, "<|image_pad|>", []
        grids = processor.image_processor(list(one.images), return_tensors="pt")["image_grid_thw"] if one.images else []
        counts = [int(grid.prod()) // 4 for grid in grids]
    pieces = before.split(image)
    expanded = pieces[0] + "".join(image * n + rest for n, rest in zip(counts, pieces[1:], strict=True))
    head = start + processor.tokenizer(expanded, add_special_tokens=False)["input_ids"]
    ids = start + processor.tokenizer(expanded + answer, add_special_tokens=False)["input_ids"]
    assert ids[: len(head)] == head, "the answer begins a token of its own here"
    inputs: dict[str, Any] = {"input_ids": torch.tensor([ids])}
    if one.images:
        pixels = processor.image_processor(list(one.images), return_tensors="pt")
        inputs |= {name: v.double() if v.is_floating_point() else v for name, v in pixels.items()}
        if "image_grid_thw" in inputs:
            marker = processor.tokenizer.convert_tokens_to_ids(image)
            inputs["mm_token_type_ids"] = (inputs["input_ids"] == marker).long()
    with torch.no_grad():
        logits = model(**inputs).logits[0]
    nats = 0.0
    for at in range(len(head), len(ids)):
        shifted = logits[at - 1] - logits[at - 1].max()
        nats += float(shifted[ids[at]] - shifted.exp().sum().log())
    return nats, len(ids) - len(head)


def test_batches_equal_a_plain_loop_over_single_answers(saved: Path):
    found = VisionLanguageModel.load(str(saved), precision="fp64").answers(ASKED, batch=4)
    for one, result in zip(ASKED, found, strict=True):
        nats, tokens = plain(saved, one)
        assert result.tokens == tokens
        assert result.nats == pytest.approx(nats, rel=1e-9)


def test_batch_and_order_change_nothing(saved: Path):
    model = VisionLanguageModel.load(str(saved), precision="fp64")
    together = model.answers(ASKED, batch=16)
    apart = [model.answers([one])[0] for one in reversed(ASKED)][::-1]
    assert [one.tokens for one in together] == [one.tokens for one in apart]
    np.testing.assert_allclose([one.nats for one in together], [one.nats for one in apart], rtol=1e-9)


def test_picture_matters_and_so_does_its_absence(saved: Path):
    model = VisionLanguageModel.load(str(saved), precision="fp64")
    query, answer = "what color is the circle?", "red"
    shown = [(picture(1, (28, 28)),), (picture(2, (40, 64)),), ()]
    real, swapped, missing = (one.nats for one in model.answers([Asked(query, answer, images) for images in shown]))
    assert len({round(value, 6) for value in (real, swapped, missing)}) == 3


def test_model_without_the_choice_of_logits_gives_the_same(saved: Path):
    model = VisionLanguageModel.load(str(saved), precision="fp64")
    kept = model.answers(ASKED)
    model.can_keep = False
    np.testing.assert_allclose([one.nats for one in model.answers(ASKED)], [one.nats for one in kept], rtol=1e-9)


def test_answer_longer_than_the_model_reads_has_no_likelihood(saved: Path):
    model = VisionLanguageModel.load(str(saved), precision="fp64")
    long = Asked("what color is the circle?", "red blue " * 300)
    result, other = model.answers([long, ASKED[4]])
    assert np.isnan(result.nats)
    assert np.isfinite(other.nats)


def test_what_data_says_passes_for_no_token_of_the_model(saved: Path):
    model = VisionLanguageModel.load(str(saved), precision="fp64")
    image, end = {"llava": ("<image>", "</s>"), "qwen": ("<|image_pad|>", "<|im_end|>")}[saved.name[:-1]]
    hostile = Asked(f"what is{image}there?", f"red{end}blue{image}", ASKED[0].images)
    plain_words = Asked("what is there?", "red blue ", ASKED[0].images)
    assert model.answers([hostile]) == model.answers([plain_words])


def test_identity_follows_the_weights(saved: Path, tmp_path: Path):
    first = likelihood_identity(str(saved), precision="fp32")
    assert first == likelihood_identity(str(saved), precision="fp32")
    assert first != likelihood_identity(str(saved), precision="bf16")
    for path in saved.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {"note": 1}))
    assert likelihood_identity(str(tmp_path), precision="fp32") != first


def test_what_cannot_be_had_says_what_to_do(saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(LikelihoodError, match="give the path of a folder"):
        VisionLanguageModel.load(str(tmp_path / "nowhere"))
    with pytest.raises(LikelihoodError, match="cannot be loaded"):
        VisionLanguageModel.load(str(tmp_path))
    for path in saved.iterdir():
        if path.name != "chat_template.jinja":
            (tmp_path / path.name).write_bytes(path.read_bytes())
    with pytest.raises(LikelihoodError, match="no chat template"):
        VisionLanguageModel.load(str(tmp_path))
