"""The likelihood of answers equals that of a plain loop, one answer at a time, on tiny models with random weights."""

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModelForImageTextToText, AutoProcessor, BambaConfig, Lfm2Config, MistralConfig

from resources.models.answer_model import Asked, LikelihoodError
from resources.models.vision_language import VisionLanguageModel
from tests.support.tiny_models import picture, save_llava, save_qwen


@pytest.fixture(scope="module", params=["llava", "qwen"])
def saved(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model with random weights and its processor, on disk."""
    folder = tmp_path_factory.mktemp(request.param)
    torch.manual_seed(3)
    {"llava": save_llava, "qwen": save_qwen}[request.param](folder)
    return folder


ASKED = [
    Asked("what color is the circle?", "red", (picture(1, (28, 28)),)),
    Asked("is there a dog on the grass?", "yes, a dog on the grass, two dogs", (picture(2, (40, 64)),)),
    Asked("is there a dog?", "no", (picture(3, (64, 30)),)),
    Asked("which is red?", "a dog", (picture(1, (28, 28)), picture(2, (40, 64)))),
    Asked("what color is the circle?", "red"),
    Asked("is there a dog on the grass, or are there two dogs there?", "blue ünïcode"),
    Asked("what is there?", " two dogs ", (picture(4, (50, 50)),)),
]


@cache
def parts(folder: Path) -> tuple[Any, Any]:
    """A saved model, in double precision, and its processor."""
    model = AutoModelForImageTextToText.from_pretrained(folder, dtype=torch.float64)
    return model.eval(), AutoProcessor.from_pretrained(folder)


def plain(folder: Path, question: Asked, *, end: str | None = None) -> tuple[float, int]:
    """The same by hand: the template written out (with another `end` of the prompt, if given), one conversation, a loop
    over the answer's tokens."""
    model, processor = parts(folder)
    if "llava" in type(model).__name__.lower():
        before, image = (
            "USER: " + "<image>\n" * len(question.images) + question.query + (end or " ASSISTANT:"),
            "<image>",
        )
        answer, start = question.answer if end else " " + question.answer, [1]
        counts = [4] * len(question.images)
    else:
        marks = "<|vision_start|><|image_pad|><|vision_end|>" * len(question.images)
        before = f"<|im_start|>user\n{marks}{question.query}<|im_end|>\n" + (end or "<|im_start|>assistant\n")
        answer, image, start = question.answer, "<|image_pad|>", []
        grids = (
            processor.image_processor(list(question.images), return_tensors="pt")["image_grid_thw"]
            if question.images
            else []
        )
        counts = [int(grid.prod()) // 4 for grid in grids]
    pieces = before.split(image)
    expanded = pieces[0] + "".join(image * n + rest for n, rest in zip(counts, pieces[1:], strict=True))
    head = start + processor.tokenizer(expanded, add_special_tokens=False)["input_ids"]
    ids = start + processor.tokenizer(expanded + answer, add_special_tokens=False)["input_ids"]
    first = len(head) - (ids[: len(head)] != head)
    assert ids[:first] == head[:first], "at most the prompt's last token goes on in the answer"
    inputs: dict[str, Any] = {"input_ids": torch.tensor([ids])}
    if question.images:
        pixels = processor.image_processor(list(question.images), return_tensors="pt")
        inputs |= {name: v.double() if v.is_floating_point() else v for name, v in pixels.items()}
        if "image_grid_thw" in inputs:
            marker = processor.tokenizer.convert_tokens_to_ids(image)
            inputs["mm_token_type_ids"] = (inputs["input_ids"] == marker).long()
    with torch.no_grad():
        logits = model(**inputs).logits[0]
    nats = 0.0
    for at in range(first, len(ids)):
        shifted = logits[at - 1] - logits[at - 1].max()
        nats += float(shifted[ids[at]] - shifted.exp().sum().log())
    return nats, len(ids) - first


def sharing(folder: Path) -> VisionLanguageModel:
    """Shares whatever can be shared, however little it saves."""
    model = VisionLanguageModel.load(str(folder), precision="fp64")
    assert model.fewest_saved < np.inf, "the model can share"
    model.fewest_saved = 1
    return model


def test_batches_equal_a_plain_loop_over_single_answers(saved: Path):
    answers = VisionLanguageModel.load(str(saved), precision="fp64").answers(ASKED, batch=4)
    for question, result in zip(ASKED, answers, strict=True):
        nats, tokens = plain(saved, question)
        assert result.tokens == tokens
        assert result.nats == pytest.approx(nats, rel=1e-9)


SINGLE, OTHER = picture(1, (28, 28)), picture(2, (40, 64))
ALIKE = [
    Asked("what color is the circle?", "red", (SINGLE,)),
    Asked("what color is the circle?", "blue, a circle on the grass", (SINGLE,)),
    Asked("is there a dog on the grass?", "no", (SINGLE,)),
    Asked("which is red?", "a dog", (SINGLE, OTHER)),
    Asked("which is red?", "the circle on the grass, yes", (SINGLE, OTHER)),
    Asked("which is red?", "a dog", (OTHER, SINGLE)),
    Asked("what color is the circle?", "red"),
    Asked("what color is the circle?", "a dog, two dogs"),
    Asked("is there a dog?", "yes", (OTHER,)),
    Asked("is there a dog?", "no, two dogs on the grass", (OTHER,)),
    Asked("what color is the circle?", "red", (OTHER,)),
]


def test_answers_that_share_what_they_start_with_equal_a_plain_loop(saved: Path):
    model = sharing(saved)
    answers = model.answers(ALIKE, batch=2)
    assert model.shared == len(ALIKE) - 1
    for question, result in zip(ALIKE, answers, strict=True):
        nats, tokens = plain(saved, question)
        assert result.tokens == tokens
        assert result.nats == pytest.approx(nats, rel=1e-9)


def test_token_that_spans_prompt_and_answer_is_the_answers(saved: Path):
    model = sharing(saved)
    template = model.processor.chat_template
    if saved.name.startswith("llava"):
        end, template = " a dog", template.replace("ASSISTANT: ", "a dog").replace("ASSISTANT:", "a dog")
    else:
        end = "<|im_start|>a dog"
        template = template.replace("<|im_start|>assistant\n", end)
    model.processor.chat_template = template
    query = "what is there?"
    asked = [Asked(query, answer, shown) for shown in ((SINGLE,), ()) for answer in ("s on the grass", "s", ", yes")]
    answers = model.answers(asked)
    assert model.shared == len(asked)
    for question, result in zip(asked, answers, strict=True):
        nats, tokens = plain(saved, question, end=end)
        assert result.tokens == tokens
        assert result.nats == pytest.approx(nats, rel=1e-9)
    assert [one.tokens for one in answers[:2]] == [4, 1], "dogs on the grass, dogs"


def test_little_to_share_is_read_whole(saved: Path):
    model = VisionLanguageModel.load(str(saved), precision="fp64")
    answers = model.answers(ALIKE)
    assert model.shared == 0
    model.fewest_saved = 1
    np.testing.assert_allclose([one.nats for one in model.answers(ALIKE)], [one.nats for one in answers], rtol=1e-9)


def test_shared_answer_longer_than_the_model_reads_has_no_likelihood(saved: Path):
    model = sharing(saved)
    long = Asked("what color is the circle?", "red blue " * 300, (SINGLE,))
    result, other, again = model.answers([long, *ALIKE[:2]])
    assert model.shared == 3
    assert np.isnan(result.nats)
    assert np.isfinite([other.nats, again.nats]).all()


@pytest.mark.parametrize(
    ("language", "other"),
    [
        (MistralConfig, {"sliding_window": 6, "head_dim": 8}),
        (Lfm2Config, {"layer_types": ["conv", "full_attention"]}),
    ],
)
def test_windows_and_states_are_shared_as_well(tmp_path: Path, language: type, other: dict[str, Any]):
    torch.manual_seed(4)
    save_llava(tmp_path, language=language, **other)
    for question, result in zip(ALIKE, sharing(tmp_path).answers(ALIKE, batch=3), strict=True):
        assert result.nats == pytest.approx(plain(tmp_path, question)[0], rel=1e-9)


@pytest.mark.full
def test_model_that_cannot_go_on_from_its_state_reads_each_answer_whole_and_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    torch.manual_seed(4)
    mamba = {"mamba_d_state": 8, "mamba_n_heads": 4, "mamba_d_head": 16}
    save_llava(tmp_path, language=BambaConfig, attn_layer_indices=[1], **mamba)
    model = VisionLanguageModel.load(str(tmp_path), precision="fp64")
    assert "reads each answer with its pictures anew: behind a shared prefix its answers differ" in caplog.text
    for question, result in zip(ALIKE, model.answers(ALIKE, batch=1), strict=True):
        assert result.nats == pytest.approx(plain(tmp_path, question)[0], rel=1e-9)
    assert model.shared == 0


def test_picture_matters_and_so_does_its_absence(saved: Path):
    model = VisionLanguageModel.load(str(saved), precision="fp64")
    query, answer = "what color is the circle?", "red"
    image_lists = [(picture(1, (28, 28)),), (picture(2, (40, 64)),), ()]
    real, swapped, missing = (
        result.nats for result in model.answers([Asked(query, answer, images) for images in image_lists])
    )
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
