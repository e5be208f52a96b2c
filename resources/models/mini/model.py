"""The mini encoder as an open_clip model: CustomTextCLIP over the two towers, with heads of its own.

An image is seen in two ways. Its class probabilities (EfficientNet's own classifier, softened) weigh a table of class
vectors, as in ConSE (Norouzi et al., 2014): what it shows. The mean, largest and smallest activations of the first
stages go through a small MLP: which colours and shapes it is made of; a gate closes it for photographs, of which it
knows nothing. A text is MiniLM's mean token, mapped linearly
and by an MLP. Both end in `DIM` dimensions. Of a picture's cells there are class probabilities too, and so vectors:
the classifier at each place of the last feature map, as in class activation maps (Zhou et al., 2016).
"""

from collections.abc import Mapping
from typing import Any, cast

import torch
from open_clip.hf_model import HFTextEncoder
from open_clip.model import CustomTextCLIP
from torch import nn
from torch.nn import functional

from resources.models.mini.towers import TEXT_TOKENS, image_trunk, text_config, text_trunk

DIM = 256
CLASSES = 1000
TEXT_WIDTH = 384
#: Logits are divided by this before the softmax, so that more than the first class speaks.
SOFTENING = 2.0
#: Channels of the stages whose activations are pooled: the stem and the first blocks.
STAGES = (32, 16, 24, 40)
POOLED = 3 * sum(STAGES)
HIDDEN = 256
TEXT_HIDDEN = 512
LOGIT_SCALE = 20.0
#: Side at which a picture's cells are looked at: 14 x 14 of them, where 224 would give 7 x 7.
PATCH_SIDE_PX = 448


class ImageHead(nn.Module):
    """(n, CLASSES) probabilities and (n, POOLED) activations to (n, DIM), not yet of unit length."""

    pooled_mean: torch.Tensor
    pooled_scale: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        self.classes = nn.Linear(CLASSES, DIM)
        self.register_buffer("pooled_mean", torch.zeros(POOLED))
        self.register_buffer("pooled_scale", torch.ones(POOLED))
        self.gate = nn.Linear(POOLED, 1)
        self.pooled = nn.Sequential(nn.Linear(POOLED, HIDDEN), nn.GELU(), nn.Linear(HIDDEN, DIM))

    def forward(self, probabilities: torch.Tensor, pooled: torch.Tensor) -> torch.Tensor:
        standard = ((pooled - self.pooled_mean) / self.pooled_scale).clamp(-6, 6)
        return self.classes(probabilities) + torch.sigmoid(self.gate(standard)) * self.pooled(standard)


class TextHead(nn.Module):
    """(n, TEXT_WIDTH) mean tokens to (n, DIM), not yet of unit length."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(TEXT_WIDTH, DIM)
        self.mlp = nn.Sequential(nn.Linear(TEXT_WIDTH, TEXT_HIDDEN), nn.GELU(), nn.Linear(TEXT_HIDDEN, DIM))

    def forward(self, mean: torch.Tensor) -> torch.Tensor:
        mean = functional.normalize(mean.float(), dim=-1)
        return self.linear(mean) + self.mlp(mean)


class ImageTower(nn.Module):
    """(n, 3, 224, 224) pixels in -1..1 to (n, DIM)."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk = image_trunk()
        self.head = ImageHead()
        self.image_size = (224, 224)

    def features(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Class probabilities and pooled activations, in fp32: what the head sees."""
        trunk = cast("Any", self.trunk)
        x = trunk.bn1(trunk.conv_stem(pixels))
        pooled = [_pool(x)]
        for stage, block in enumerate(trunk.blocks, start=1):
            x = block(x)
            if stage < len(STAGES):
                pooled.append(_pool(x))
        logits = trunk.classifier(trunk.bn2(trunk.conv_head(x)).mean((2, 3))).float()
        return (logits / SOFTENING).softmax(-1), torch.cat(pooled, 1)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return self.head(*self.features(pixels))

    def patches(self, pixels: torch.Tensor) -> torch.Tensor:
        """(n, 3, h, w) pixels in -1..1, any multiples of 32, to (n, h / 32, w / 32, DIM), not yet of unit length."""
        trunk = cast("Any", self.trunk)
        x = trunk.blocks(trunk.bn1(trunk.conv_stem(pixels)))
        logits = trunk.classifier(trunk.bn2(trunk.conv_head(x)).permute(0, 2, 3, 1)).float()
        return self.head.classes((logits / SOFTENING).softmax(-1))


def _pool(x: torch.Tensor) -> torch.Tensor:
    return torch.cat([x.mean((2, 3)), x.amax((2, 3)), x.amin((2, 3))], 1).float()


class MiniClip(CustomTextCLIP):
    """open_clip's dual encoder over these towers: `encode_image`, `encode_text`."""

    def __init__(self, heads: Mapping[str, torch.Tensor]) -> None:
        # CustomTextCLIP's own constructor would build towers from a config and knows none like these.
        super(CustomTextCLIP, self).__init__()
        self.output_dict = False
        self.visual = ImageTower()
        with torch.device("meta"):  # its parameters are replaced, so none is made up
            self.text = HFTextEncoder("", DIM, config=text_config(), pooler_type="mean_pooler", proj_type="linear")
        self.text.transformer = text_trunk()
        self.text.proj = TextHead()
        self.context_length, self.vocab_size = TEXT_TOKENS, self.text.vocab_size
        self.logit_scale = nn.Parameter(torch.tensor(LOGIT_SCALE).log())
        self.logit_bias = None
        self._load_heads(heads)
        self.eval().requires_grad_(False)

    def _load_heads(self, heads: Mapping[str, torch.Tensor]) -> None:
        promised = {name for name in self.state_dict() if name.startswith(("visual.head.", "text.proj."))}
        if promised != set(heads):
            raise ValueError(
                f"the mini encoder's heads lack or exceed what was promised: {sorted(promised ^ set(heads))}"
            )
        self.load_state_dict({name: tensor.float() for name, tensor in heads.items()}, strict=False)
