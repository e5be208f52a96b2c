"""What reading a picture once for several questions saves, where a vision-language model is asked about answers.

    OMP_NUM_THREADS=1 .venv/bin/python -m benchmarks.likelihood
    .venv/bin/python -m benchmarks.likelihood --device cuda --precision bf16 --width 2048 --layers 24

A LLaVA with random weights (speed does not depend on them): pictures of 336 x 336, of which it makes 576 tokens, as
LLaVA-1.5 does. As many questions about so many pictures that each is asked about 1, 2, 4, 8 times, each answer read
whole and behind a shared start, in turns, `--tries` times; the quickest counts. Tokens are those of pictures, questions
and answers, whether read anew or shared. `cpu` is processor time, which other work on the machine stretches less. The
largest difference between the two, in nats a token, stands in the last column.
"""

import argparse
import math
import time
from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image
from transformers import (
    CLIPImageProcessor,
    CLIPVisionConfig,
    LlamaConfig,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaProcessor,
    PreTrainedTokenizerFast,
)

from resources.models.answer_model import AnswerLikelihood, Asked
from resources.models.answer_tokens import DTYPES
from resources.models.mini.towers import text_tokenizer
from resources.models.vision_language import VisionLanguageModel

SIDE, PATCH = 336, 14
QUESTIONS = 24
TEMPLATE = (
    "{% for m in messages %}{% if m.role == 'user' %}USER: {% for c in m.content %}{% if c.type == 'image' %}<image>\n"
    "{% else %}{{ c.text }}{% endif %}{% endfor %} {% else %}ASSISTANT: {% for c in m.content %}{{ c.text }}"
    "{% endfor %}{% endif %}{% endfor %}{% if add_generation_prompt %}ASSISTANT:{% endif %}"
)
WORDS = "is there a dog on the grass beside two red cars and what does the man in the blue coat hold up"


def model_of(width: int, layers: int, *, device: str, precision: str) -> VisionLanguageModel:
    """A LLaVA of that size; its image tower is half as wide and half as deep."""
    given = text_tokenizer()
    given.no_truncation()
    named = {"pad_token": "[PAD]", "extra_special_tokens": {"image_token": "<image>"}}
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=given, **named)
    vision = CLIPVisionConfig(
        hidden_size=width // 2,
        intermediate_size=width * 2,
        num_hidden_layers=layers // 2,
        num_attention_heads=width // 128,
        image_size=SIDE,
        patch_size=PATCH,
    )
    language = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=width,
        intermediate_size=width * 8 // 3,
        num_hidden_layers=layers,
        num_attention_heads=width // 64,
        max_position_embeddings=4096,
        pad_token_id=0,
    )
    marker = tokenizer.convert_tokens_to_ids("<image>")
    config = LlavaConfig(vision_config=vision, text_config=language, image_token_id=marker)
    processor = LlavaProcessor(
        image_processor=CLIPImageProcessor(size={"shortest_edge": SIDE}, crop_size={"height": SIDE, "width": SIDE}),
        tokenizer=tokenizer,
        patch_size=PATCH,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=TEMPLATE,
    )
    torch.manual_seed(0)
    model = LlavaForConditionalGeneration(config).to(DTYPES[precision])
    return VisionLanguageModel(model, processor, device=device)


def asked_of(each: int) -> list[Asked]:
    """`QUESTIONS` questions of twelve words with answers of two to six, `each` of them about one picture."""
    rng = np.random.default_rng(1)
    images = [Image.fromarray(rng.integers(0, 256, (SIDE, SIDE, 3), np.uint8)) for _ in range(QUESTIONS // each)]

    def sentence(words: int) -> str:
        return " ".join(rng.choice(WORDS.split(), words))

    return [Asked(sentence(12), sentence(int(rng.integers(2, 7))), (image,)) for image in images for _ in range(each)]


def timed(
    model: VisionLanguageModel, asked: Sequence[Asked], batch: int
) -> tuple[float, float, list[AnswerLikelihood]]:
    """Wall and processor seconds, and what came out."""
    started, busy = time.perf_counter(), time.process_time()
    answers = model.answers(asked, batch=batch)
    return time.perf_counter() - started, time.process_time() - busy, answers


def row(model: VisionLanguageModel, each: int, *, batch: int, tries: int) -> str:
    """A line of the table."""
    asked, least = asked_of(each), model.fewest_saved
    runs: dict[bool, list[tuple[float, float, list[AnswerLikelihood]]]] = {False: [], True: []}
    for _ in range(tries):
        for share in runs:
            model.fewest_saved = least if share else math.inf
            runs[share].append(timed(model, asked, batch))
    model.fewest_saved = least
    words = [model.tokenizer(f"{one.query} {one.answer}")["input_ids"] for one in asked]
    tokens = sum(len(ids) + (SIDE // PATCH) ** 2 for ids in words)
    (alone, alone_cpu), (shared, shared_cpu) = (
        (min(wall for wall, _, _ in done), min(cpu for _, cpu, _ in done)) for done in runs.values()
    )
    apart = max(abs(a.nats - b.nats) / a.tokens for a, b in zip(runs[False][0][2], runs[True][0][2], strict=True))
    return (
        f"| {each} | {tokens / alone:,.0f} | {tokens / shared:,.0f} | {alone / shared:.2f} | "
        f"{alone_cpu:.1f} | {shared_cpu:.1f} | {alone_cpu / shared_cpu:.2f} | {apart:.1g} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--width", type=int, default=384, help="of the language model; a multiple of 128")
    parser.add_argument("--layers", type=int, default=8)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--tries", type=int, default=3)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--precision", choices=list(DTYPES), default="fp32")
    options = parser.parse_args()
    model = model_of(options.width, options.layers, device=options.device, precision=options.precision)
    size = sum(weights.numel() for weights in model.model.parameters()) / 1e6
    print(f"{size:.0f} million weights, {options.precision} on {options.device}, {QUESTIONS} questions")
    print(
        "| questions a picture | whole tokens/s | shared tokens/s | gain | whole cpu s | shared cpu s | gain | apart |"
    )
    print(f"|{'--:|' * 8}", flush=True)
    for each in (1, 2, 4, 8):
        print(row(model, each, batch=options.batch, tries=options.tries), flush=True)


if __name__ == "__main__":
    main()
