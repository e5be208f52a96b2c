"""The encoder: what ships, any open_clip model, and what is said where one cannot be had."""

import json
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import open_clip
import pytest
import torch
from open_clip.transform import PreprocessCfg, image_transform_v2
from PIL import Image
from safetensors.torch import save_file

from resources.config.encoder_settings import EncoderSettings
from resources.models.encode_workers import own_encoder, release_encoder
from resources.models.encoder import GOLDEN_TEXTS, Encoder, golden_check, golden_images, load_encoder
from resources.models.encoder_source import EncoderError, encoder_identity, find_source
from resources.models.encoder_tokens import FixedTokens
from resources.models.mini.files import HEADS
from resources.models.preprocessing import Preprocessing
from tests.support.tiny_models import TINY

SETTINGS = EncoderSettings(device="cpu")


@pytest.fixture(scope="module")
def mini() -> Encoder:
    return load_encoder(SETTINGS)


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """A folder with a tiny open_clip model of random weights."""
    model = open_clip.CLIP(**TINY)
    folder = tmp_path / "tiny"
    folder.mkdir()
    save_file({k: v.contiguous() for k, v in model.state_dict().items()}, folder / "open_clip_model.safetensors")
    config = {"model_cfg": TINY, "preprocess_cfg": {"mean": [0.4, 0.5, 0.6], "std": [0.2, 0.3, 0.4]}}
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    return folder


def test_mini_tells_what_an_image_shows(mini: Encoder) -> None:
    images, texts = mini.encode_images(golden_images()), mini.encode_texts(["A red circle.", "A blue triangle."])
    assert images.shape == (4, mini.dim)
    assert images.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(images, axis=1), 1, atol=1e-4)
    assert images[0] @ texts[0] > images[0] @ texts[1]


def test_results_do_not_depend_on_the_batch(mini: Encoder) -> None:
    texts = ["a", "a much longer text about a dog that runs over a field", "日本", "", "snow \ud800", *GOLDEN_TEXTS]
    together = mini.encode_texts(texts)
    apart = np.concatenate([mini.encode_texts([text]) for text in texts])
    assert (together * apart).sum(1).min() > 0.9999
    pictures = golden_images() * 4
    together = mini.encode_images(pictures)
    assert (together * np.tile(together[:4], (4, 1))).sum(1).min() > 0.9999
    assert mini.encode_texts([]).shape == mini.encode_images([]).shape == (0, mini.dim)


def test_heads_are_small() -> None:
    assert HEADS.stat().st_size < 3_000_000


def test_golden_check_stops_a_broken_encoder(mini: Encoder) -> None:
    weight = mini.model.text.proj.linear.weight
    kept = weight.data.clone()
    try:
        for broken, words in ((kept.roll(1, 0), "have a cosine of"), (kept * float("nan"), "not finite")):
            weight.data = broken
            with pytest.raises(EncoderError, match=words):
                golden_check(mini)
    finally:
        weight.data = kept
    golden_check(mini)


def test_identity_names_weights_and_precision_and_needs_no_model() -> None:
    identity = encoder_identity(SETTINGS)
    assert identity.startswith("mini-")
    assert identity != encoder_identity(replace(SETTINGS, precision="bf16"))
    started = time.process_time()
    assert encoder_identity(SETTINGS) == identity
    assert time.process_time() - started < 1


@pytest.mark.full
def test_bf16_is_close_to_fp32(mini: Encoder) -> None:
    half = load_encoder(replace(SETTINGS, precision="bf16"))
    assert (half.encode_images(golden_images()) * mini.encode_images(golden_images())).sum(1).min() > 0.99
    assert (half.encode_texts(GOLDEN_TEXTS) * mini.encode_texts(GOLDEN_TEXTS)).sum(1).min() > 0.99


@pytest.mark.full
def test_a_coca_in_bf16_is_close_to_fp32() -> None:
    settings = replace(SETTINGS, model="coca_ViT-B-32", pretrained="random")
    whole, half = (load_encoder(replace(settings, precision=precision)) for precision in ("fp32", "bf16"))
    assert (half.encode_images(golden_images()) * whole.encode_images(golden_images())).sum(1).min() > 0.99


@pytest.mark.full
def test_a_compiled_image_tower_gives_the_same_vectors(tiny: Path) -> None:
    settings = replace(SETTINGS, model=f"local-dir:{tiny}")
    plain, compiled = (load_encoder(replace(settings, compile=value)) for value in (False, True))
    pixels = np.random.default_rng(0).integers(0, 255, (5, 64, 48, 3), np.uint8)
    pictures = [Image.fromarray(one) for one in pixels]
    np.testing.assert_allclose(compiled.encode_images(pictures), plain.encode_images(pictures), atol=1e-5)


def test_a_process_loads_its_encoder_once_until_it_is_released(tiny: Path) -> None:
    settings, threads = replace(SETTINGS, model=f"local-dir:{tiny}"), torch.get_num_threads()
    first = own_encoder(settings, threads)
    assert own_encoder(settings, threads) is first
    release_encoder()
    again = own_encoder(settings, threads)
    assert again is not first
    np.testing.assert_array_equal(again.encode_texts(["a dog"]), first.encode_texts(["a dog"]))
    release_encoder()


def test_any_open_clip_model_from_a_folder(tiny: Path) -> None:
    settings = replace(SETTINGS, model=f"local-dir:{tiny}")
    encoder = load_encoder(settings)
    assert encoder.identity == encoder_identity(settings)
    assert encoder.identity.startswith("tiny-")
    model, _, transform = open_clip.create_model_and_transforms(f"local-dir:{tiny}")
    tokenizer = open_clip.get_tokenizer(f"local-dir:{tiny}")
    picture = Image.effect_mandelbrot((90, 61), (-2, -1.5, 1, 1.5), 50).convert("RGB")
    with torch.inference_mode():
        image = model.eval().encode_image(transform(picture)[None], normalize=True).numpy()
        text = model.encode_text(tokenizer(["a dog"]), normalize=True).numpy()
    np.testing.assert_allclose(encoder.encode_images([picture]), image, atol=1e-5)
    np.testing.assert_allclose(encoder.encode_texts(["a dog"]), text, atol=1e-5)


def test_identity_follows_the_weights(tiny: Path) -> None:
    settings = replace(SETTINGS, model=f"local-dir:{tiny}")
    before = encoder_identity(settings)
    weights = tiny / "open_clip_model.safetensors"
    model = open_clip.CLIP(**TINY)
    save_file({k: v.contiguous() for k, v in model.state_dict().items()}, weights)
    assert encoder_identity(settings) != before


def test_a_pickle_that_runs_code_is_refused(tiny: Path) -> None:
    class Hostile:
        def __reduce__(self) -> tuple:
            return print, ("this ran",)

    (tiny / "open_clip_model.safetensors").unlink()
    torch.save({"state_dict": {"x": Hostile()}}, tiny / "pytorch_model.bin")
    with pytest.raises(EncoderError, match="cannot be built"):
        load_encoder(replace(SETTINGS, model=f"local-dir:{tiny}"))


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"model": "ViT-B-23"}, "near: .*ViT-B-32"),
        ({"model": "ViT-B-32"}, "needs encoder.pretrained: .*laion2b"),
        ({"model": "ViT-B-32", "pretrained": "nope"}, "neither a file nor a tag .*openai"),
        ({"model": "local-dir:/nowhere"}, "open_clip_config.json is not there"),
        ({"device": "cuda:99"}, "GPUs are to be seen"),
    ],
)
def test_errors_say_what_to_do(fields: dict, words: str) -> None:
    with pytest.raises(EncoderError, match=words):
        load_encoder(replace(SETTINGS, **fields))


@pytest.mark.parametrize(
    "fields", [{"model": "hf-hub:nobody/no-such-model"}, {"model": "ViT-B-32", "pretrained": "laion2b_s34b_b79k"}]
)
def test_a_hub_that_does_not_answer_is_an_error_with_the_way_out(
    fields: dict, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    started = time.perf_counter()
    with pytest.raises(EncoderError, match=r"not in the local cache.*local-dir:PATH") as raised:
        find_source(replace(SETTINGS, **fields))
    assert raised.value.__suppress_context__
    assert time.perf_counter() - started < 10


@pytest.mark.parametrize("size", [(640, 480), (480, 640), (64, 64), (225, 1000), (37, 91)])
@pytest.mark.parametrize("mode", ["shortest", "squash", "longest"])
def test_preprocessing_is_that_of_open_clip(size: tuple[int, int], mode: str) -> None:
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (*size[::-1], 3), np.uint8))
    config = PreprocessCfg(size=224, resize_mode=mode)
    ours = Preprocessing.of({"size": 224, **{n: getattr(config, n) for n in ("mean", "std", "interpolation")},
                             "resize_mode": mode, "fill_color": 0})  # fmt: skip
    theirs = image_transform_v2(config, is_train=False)(picture).numpy()
    pixels = ours.pixels(picture).transpose(2, 0, 1) / 255
    normalised = (pixels - np.reshape(ours.mean, (3, 1, 1))) / np.reshape(ours.std, (3, 1, 1))
    np.testing.assert_allclose(normalised, theirs, atol=1e-4)


def test_texts_are_cut_into_batches_that_fit() -> None:
    tokens = FixedTokens(open_clip.SimpleTokenizer())
    batches = list(tokens([f"text {n}" for n in range(30)], 77 * 7))
    assert [len(rows) for rows, _ in batches] == [7, 7, 7, 7, 2]
    assert all(ids.shape == (len(rows), 77) for rows, ids in batches)
