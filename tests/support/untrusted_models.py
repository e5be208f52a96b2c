"""Folders of models that nobody vouches for: code beside the weights, and names that lead to it."""

import json
from pathlib import Path
from typing import Any

import open_clip
import pytest
from safetensors.torch import save_file

from resources.config.encoder_settings import EncoderSettings
from resources.models.answer_model import LikelihoodError
from resources.models.encoder import load_encoder
from resources.models.likelihood import load_likelihood_model
from tests.support.tiny_models import TINY

CODE = """
from pathlib import Path
Path(__file__).with_name("ran").touch()
Path({marker!r}).touch()
from transformers import AutoConfig, PreTrainedConfig, PreTrainedTokenizerFast
class Evil(PreTrainedTokenizerFast):
    pass
class EvilConfig(PreTrainedConfig):
    model_type = "evil"
def generate(*_args, **_named):
    pass
"""
CLASSES = {
    "AutoConfig": "evil.EvilConfig",
    "AutoModel": "evil.Evil",
    "AutoModelForImageTextToText": "evil.Evil",
    "AutoTokenizer": ["evil.Evil", "evil.Evil"],
    "AutoProcessor": "evil.Evil",
    "AutoImageProcessor": "evil.Evil",
    "AutoVideoProcessor": "evil.Evil",
    "AutoFeatureExtractor": "evil.Evil",
}


class Pickled:
    """Runs when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.marker,)


def put(folder: Path, name: str, **fields: Any) -> None:
    """Adds fields to a JSON file of the folder, which need not be there."""
    path = folder / name
    known = json.loads(path.read_text("utf-8")) if path.exists() else {}
    path.write_text(json.dumps(known | fields), "utf-8")


def infect(folder: Path, marker: Path) -> None:
    """Puts code beside the model and names it wherever transformers looks for such names."""
    (folder / "custom_generate").mkdir(exist_ok=True)
    for name in ("evil.py", "custom_generate/generate.py"):
        (folder / name).write_text(CODE.format(marker=str(marker)), "utf-8")
    for name in ("tokenizer_config.json", "processor_config.json", "preprocessor_config.json", "config.json"):
        put(folder, name, auto_map=CLASSES, trust_remote_code=True)
    put(folder, "video_preprocessor_config.json", auto_map=CLASSES, video_processor_type="Evil")
    put(folder, "generation_config.json", custom_generate=str(folder), trust_remote_code=True)


def clip(folder: Path, **text: Any) -> str:
    """A tiny open_clip model; `text` is put into the configuration of its text tower."""
    config = TINY | {"text_cfg": TINY["text_cfg"] | text}
    weights = {name: value.contiguous() for name, value in open_clip.CLIP(**TINY).state_dict().items()}
    save_file(weights, folder / "open_clip_model.safetensors")
    put(folder, "open_clip_config.json", model_cfg=config, preprocess_cfg={})
    return f"local-dir:{folder}"


def load(reference: str) -> None:
    load_encoder(EncoderSettings(reference, device="cpu"))


def refused(folder: Path, words: str = "") -> None:
    with pytest.raises(LikelihoodError, match=words or "."):
        load_likelihood_model(str(folder))
