"""The two pretrained towers, read from the packages that ship them: nothing is unpacked or fetched."""

import io
import json
import zipfile
from itertools import pairwise
from typing import Any, cast

import safetensors.torch
import timm
import torch
from timm.models.efficientnet import EfficientNet
from tokenizers import Tokenizer
from torch import nn
from transformers import BertConfig, BertModel
from transformers.initialization import no_init_weights

from ops.core.errors import EngineError
from resources.models.mini.files import IMAGE_FILE, TEXT_FILE, tower_files

#: Tokens read of a text: what MiniLM was trained for.
TEXT_TOKENS = 256


def image_trunk() -> EfficientNet:
    """EfficientNet-Lite0 with its ImageNet classifier, batch normalisation folded into the convolutions.

    The package's tensors bear other names but come in the order of timm's; shapes are checked one by one."""
    trunk = timm.create_model("tf_efficientnet_lite0", pretrained=False)
    if not isinstance(trunk, EfficientNet):
        raise EngineError(f"timm makes a {type(trunk).__name__} where an EfficientNet was asked for")
    stored = torch.load(tower_files()[0], map_location="cpu", weights_only=True)
    own = trunk.state_dict()
    if [t.shape for t in own.values()] != [t.shape for t in stored.values()]:
        raise EngineError(
            f"{IMAGE_FILE}: {len(stored)} tensors, of which some have other shapes than the {len(own)} promised"
        )
    trunk.load_state_dict(dict(zip(own, stored.values(), strict=True)))
    fold_batch_norms(trunk.eval())
    return trunk.requires_grad_(False)


def fold_batch_norms(module: nn.Module) -> None:
    """Replace each convolution and the normalisation after it by one convolution (evaluation mode only)."""
    names = [name for name, _ in module.named_children()]
    for name, following in pairwise(names):
        convolution, norm = getattr(module, name), getattr(module, following)
        if isinstance(convolution, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
            mean, variance = norm.running_mean, norm.running_var
            if mean is None or variance is None:
                raise EngineError(f"{IMAGE_FILE}: the normalisation {following} keeps no statistics to fold")
            scale = norm.weight / torch.sqrt(variance + norm.eps)
            convolution.weight.data *= scale[:, None, None, None]
            convolution.bias = nn.Parameter((norm.bias - mean * scale).detach())
            setattr(module, following, getattr(norm, "act", nn.Identity()))
    for child in module.children():
        fold_batch_norms(child)


def text_config() -> BertConfig:
    """MiniLM-L6: six layers, 384 wide."""
    with zipfile.ZipFile(tower_files()[1]) as archive:
        return BertConfig(**json.loads(archive.read("config.json")))


def text_trunk() -> BertModel:
    """MiniLM-L6 without its pooler."""
    with zipfile.ZipFile(tower_files()[1]) as archive:
        weights = safetensors.torch.load(archive.read("model.safetensors"))
    with no_init_weights():
        trunk = BertModel(text_config(), add_pooling_layer=False)
    missing, _ = trunk.load_state_dict(weights, strict=False)
    if missing:
        raise EngineError(f"{TEXT_FILE}: lacks the tensors {missing[:3]}")
    return trunk.eval().requires_grad_(False)


def text_tokenizer() -> Tokenizer:
    """MiniLM's tokenizer, cutting at `TEXT_TOKENS`."""
    with zipfile.ZipFile(tower_files()[1]) as archive:
        tokenizer = Tokenizer.from_str(io.TextIOWrapper(archive.open("tokenizer.json"), "utf-8").read())
    cast(Any, tokenizer).enable_truncation(TEXT_TOKENS)
    tokenizer.no_padding()
    return tokenizer
