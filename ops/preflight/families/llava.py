"""LLaVA-1.5: every picture is resized and cropped to 336 x 336 pixels, 24 x 24 patches of 14: 576 tokens, whatever
its size."""

from ops.preflight.contract import Family, Sight
from ops.preflight.families.writing import VICUNA
from ops.preflight.limits import Limits

_PATCH = 14


def look(width_px: int, height_px: int, limits: Limits) -> Sight:
    """A square of patches."""
    side = limits.image_side_px or 336
    return Sight((side // _PATCH) ** 2, side, side)


FAMILY = Family(
    name="llava-1.5",
    title="LLaVA-1.5",
    source="transformers 5.23 models/llava/processing_llava.py; LLaVA 1.2 llava/conversation.py",
    look=look,
    template=VICUNA,
    presets={"max_tokens": 4096},
    members=("llava-1.5-7b-hf", "llava-v1.5-7b"),
    image_token="<image>",  # noqa: S106
)
