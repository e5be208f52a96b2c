"""The likelihood of answers under a CoCa equals that of a plain loop over single tokens, on a tiny random one."""

from functools import cache
from pathlib import Path

import numpy as np
import open_clip
import pytest
import safetensors.torch
import torch

from resources.models.answer_model import Asked, LikelihoodError
from resources.models.coca import CaptionModel
from resources.models.likelihood import likelihood_identity, load_likelihood_model
from tests.support.tiny_models import COCA, picture, save_coca


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny CoCa with random weights, on disk."""
    folder = tmp_path_factory.mktemp("coca")
    torch.manual_seed(7)
    save_coca(folder)
    return folder


@cache
def loaded(folder: Path, precision: str = "fp64") -> CaptionModel:
    return CaptionModel.load(f"open_clip:local-dir:{folder}", precision=precision)


FIRST, SECOND = picture(1, (32, 32)), picture(2, (40, 64))
ASKED = [
    Asked("What color is the circle?", "red", (FIRST,)),
    Asked("What color is the circle?", "blue, and a dog on the grass", (FIRST,)),
    Asked("Is there a dog?", "no!", (SECOND,)),
    Asked("Is there a dog?", "Yes &amp; two cats", (FIRST,)),
    Asked("What color is the circle?", "red"),
    Asked("", "a red circle", (SECOND,)),
]


@cache
def exact(folder: Path) -> open_clip.CoCa:
    """The saved model as open_clip builds it, in double precision."""
    model = open_clip.CoCa(**{name: value for name, value in COCA.items() if name != "custom_text"})
    model.load_state_dict(safetensors.torch.load_file(folder / "open_clip_model.safetensors"))
    return model.double().eval()


def plain(folder: Path, question: Asked) -> tuple[float, int]:
    """By hand: the picture's pixels as open_clip prepares them, each token predicted by a text that ends before it."""
    model = exact(folder)
    mean, std = np.array([0.4, 0.5, 0.6], np.float32), np.array([0.2, 0.25, 0.3], np.float32)
    if question.images:
        transform = open_clip.image_transform(32, is_train=False, mean=(0, 0, 0), std=(1, 1, 1))
        pixels = transform(question.images[0]).double().permute(1, 2, 0).numpy()
    else:
        pixels = np.broadcast_to(mean, (32, 32, 3)).astype(np.float64)
    image = torch.tensor(((pixels - mean) / std).transpose(2, 0, 1)[None])
    tokenizer = open_clip.SimpleTokenizer()
    query, whole = tokenizer.encode(question.query), tokenizer.encode(f"{question.query} {question.answer}")
    assert whole[: len(query)] == query
    ids = [tokenizer.sot_token_id, *whole]
    nats = 0.0
    with torch.no_grad():
        for at in range(1 + len(query), len(ids)):
            logits = model(image, torch.tensor([ids[:at]]), output_labels=False)["logits"][0, -1]
            shifted = logits - logits.max()
            nats += float(shifted[ids[at]] - shifted.exp().sum().log())
    return nats, len(whole) - len(query)


def test_batches_equal_a_plain_loop_over_single_tokens(saved: Path):
    answers = loaded(saved).answers(ASKED, batch=4)
    for question, result in zip(ASKED, answers, strict=True):
        nats, tokens = plain(saved, question)
        assert result.tokens == tokens
        assert result.nats == pytest.approx(nats, rel=1e-6)


def test_batch_and_order_change_nothing(saved: Path):
    model = loaded(saved)
    together = model.answers(ASKED, batch=16)
    apart = [model.answers([one])[0] for one in reversed(ASKED)][::-1]
    np.testing.assert_allclose([one.nats for one in together], [one.nats for one in apart], rtol=1e-9)


def test_picture_matters_and_is_encoded_once(saved: Path):
    model = loaded(saved)
    encoded: list[int] = []
    hook = model.model.visual.register_forward_hook(lambda _module, inputs, _output: encoded.append(len(inputs[0])))
    query = "What color is the circle?"
    asked = [Asked(query, answer, shown) for answer in ("red", "a dog") for shown in ((FIRST,), (SECOND,), ())]
    answers = model.answers(asked, batch=2)
    hook.remove()
    assert sum(encoded) == 3
    assert len({round(one.nats, 4) for one in answers}) == len(asked)


def test_several_pictures_and_long_texts_have_no_likelihood(saved: Path):
    both, long, fits = loaded(saved).answers(
        [Asked("which is red?", "a dog", (FIRST, SECOND)), Asked("what is it?", "red " * 30, (FIRST,)), ASKED[0]]
    )
    assert np.isnan(both.nats)
    assert both.tokens == 2
    assert np.isnan(long.nats)
    assert np.isfinite(fits.nats)


def test_what_data_says_passes_for_no_token_of_the_model(saved: Path):
    model = loaded(saved)
    hostile = Asked("what is<end_of_text> it?", "red &lt;START_OF_TEXT&gt; dog", (FIRST,))
    assert model.answers([hostile]) == model.answers([Asked("what is it?", "red dog", (FIRST,))])
    assert model.answers([Asked("what is it?", "<end_of_text>", (FIRST,))])[0].tokens == 0


def test_half_precision_is_near(saved: Path):
    exact, near = (loaded(saved, precision).answers(ASKED) for precision in ("fp64", "bf16"))
    np.testing.assert_allclose([one.nats for one in near], [one.nats for one in exact], rtol=0.02)


def test_what_cannot_be_had_says_what_to_do(tmp_path: Path):
    with pytest.raises(LikelihoodError, match="names no weights; write open_clip:NAME:CHECKPOINT"):
        load_likelihood_model("open_clip:coca_ViT-B-32")
    with pytest.raises(LikelihoodError, match="neither a file nor a tag of coca_ViT-B-32; tags: laion2b"):
        load_likelihood_model("open_clip:coca_ViT-B-32:nowhere.safetensors")
    with pytest.raises(LikelihoodError, match=r"open_clip_config\.json is not there"):
        likelihood_identity(f"open_clip:local-dir:{tmp_path}", precision="fp32")
    save_coca(tmp_path, text_cfg={**COCA["text_cfg"], "no_causal_mask": True})
    with pytest.raises(LikelihoodError, match="sees what stands behind a word"):
        load_likelihood_model(f"open_clip:local-dir:{tmp_path}")


@pytest.mark.full
def test_model_that_writes_no_captions_is_refused():
    with pytest.raises(LikelihoodError, match="no decoder that writes captions; take a CoCa"):
        load_likelihood_model("open_clip:mini:shipped")
