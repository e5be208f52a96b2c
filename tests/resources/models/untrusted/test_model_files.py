"""What a model's folder holds is a regular file of a sane size, and its configurations are read to the end or named."""

import os
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from resources.config.encoder_settings import EncoderSettings
from resources.models.answer_model import LikelihoodError
from resources.models.encoder_source import EncoderError, encoder_identity
from resources.models.likelihood import likelihood_identity, load_likelihood_model
from resources.models.model_files import ModelFileError, check_open_clip
from tests.support.examples import examples
from tests.support.untrusted_models import clip, load, refused


def fifo(path: Path) -> None:
    path.unlink(missing_ok=True)
    os.mkfifo(path)


def device(path: Path) -> None:
    path.unlink(missing_ok=True)
    path.symlink_to("/dev/zero")


def loop(path: Path) -> None:
    path.unlink(missing_ok=True)
    path.symlink_to(path)


def huge(path: Path) -> None:
    with path.open("wb") as stream:
        stream.truncate(2**40)


def nested(path: Path) -> None:
    path.write_text("[" * 200_000 + "]" * 200_000)


SPOILT: list[Callable[[Path], None]] = [fifo, device, loop, huge]


@pytest.mark.timeout(60)
@pytest.mark.parametrize("spoil", SPOILT, ids=lambda spoil: spoil.__name__)
@pytest.mark.parametrize("name", ["open_clip_config.json", "tokenizer.json", "vocab.txt", "spiece.model"])
def test_only_regular_files_of_a_sane_size_are_opened(tmp_path: Path, name: str, spoil: Callable[[Path], None]) -> None:
    reference = clip(tmp_path, hf_tokenizer_name="mine")
    spoil(tmp_path / name)
    for ask in (load, lambda reference: encoder_identity(EncoderSettings(reference, device="cpu"))):
        with pytest.raises(EncoderError, match=name.replace(".", r"\.")):
            ask(reference)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("spoil", SPOILT, ids=lambda spoil: spoil.__name__)
@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "chat_template.jinja", "generation_config.json"])
def test_so_it_is_with_a_model_that_converses(model: Path, name: str, spoil: Callable[[Path], None]) -> None:
    spoil(model / name)
    refused(model, name.replace(".", r"\."))
    with pytest.raises(LikelihoodError, match=name.replace(".", r"\.")):
        likelihood_identity(str(model), precision="fp32")


@pytest.mark.timeout(60)
@pytest.mark.parametrize("spoil", [fifo, device, loop], ids=lambda spoil: spoil.__name__)
def test_weights_are_a_regular_file(tmp_path: Path, model: Path, spoil: Callable[[Path], None]) -> None:
    other = tmp_path / "other"
    other.mkdir()
    reference = clip(other)
    (other / "open_clip_model.safetensors").unlink()
    spoil(other / "x.safetensors")
    with pytest.raises(EncoderError, match=r"x\.safetensors"):
        load(reference)
    spoil(model / "model.safetensors")
    refused(model, r"model\.safetensors")


def test_configs_nested_too_deep_are_named(tmp_path: Path, model: Path) -> None:
    reference = clip(tmp_path)
    nested(tmp_path / "open_clip_config.json")
    with pytest.raises(EncoderError, match=r"open_clip_config\.json"):
        load(reference)
    nested(model / "config.json")
    refused(model, r"config\.json")


def test_config_nested_as_deep_as_json_is_read_ends_in_no_traceback(tmp_path: Path, model: Path) -> None:
    for depth in (300, 600, 900, 960):
        deep = '{"a":' * depth + "1" + "}" * depth
        (model / "processor_config.json").write_text(f'{{"more": {deep}}}')
        with suppress(LikelihoodError):
            load_likelihood_model(str(model))
        (tmp_path / "open_clip_config.json").write_text(f'{{"model_cfg": {deep}}}')
        with pytest.raises(EncoderError):
            load(f"local-dir:{tmp_path}")


#: JSON with the names that matter in places that matter.
PARTS = ["model_cfg", "preprocess_cfg", "text_cfg", "vision_cfg", "multimodal_cfg", "tokenizer_kwargs", "act_kwargs"]
NAMES = ["hf_model_name", "hf_tokenizer_name", "timm_model_name", "bpe_path", "trust_remote_code", "clean", "width"]
KEYS = st.sampled_from([*PARTS, *NAMES])
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-9, 9)
    | st.sampled_from(["a/b", "../x", "local-dir:.", "hf-hub:a/b", "vit"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=12,
)
TOWERS = st.fixed_dictionaries(
    {}, optional={"tokenizer_kwargs": VALUES, "hf_model_name": VALUES, "width": VALUES, "x": VALUES}
)
CONFIGS = st.fixed_dictionaries(
    {
        "model_cfg": st.fixed_dictionaries(
            {"vision_cfg": TOWERS, "text_cfg": TOWERS}, optional={"multimodal_cfg": TOWERS}
        )
    }
)


def keys(value: Any) -> set[str]:
    """All keys, at any depth."""
    inner = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []
    return set(value if isinstance(value, dict) else ()).union(*map(keys, inner))


@given(CONFIGS | st.dictionaries(KEYS, VALUES))
@example({"model_cfg": {"vision_cfg": {}, "text_cfg": {"width": [{"bpe_path": None}]}}})
@settings(max_examples=examples(500), deadline=None)
def test_any_configuration_is_refused_by_an_error_of_ours_or_asks_for_nothing_else(config: dict[str, Any]) -> None:
    try:
        check_open_clip(config, Path("open_clip_config.json"))
    except ModelFileError:
        return
    assert not keys(config) & {"trust_remote_code", "bpe_path"}
    for tower in config["model_cfg"].values():
        for name in ("timm_model_name", "hf_model_name"):
            assert not re.search(r"[:.]", str(tower.get(name) or ""))
