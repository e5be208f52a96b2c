"""Models with a fixed SigLIP square: PaliGemma sees 224 x 224 pixels in patches of 14, 256 tokens (448: 1,024; set
image_side_px). Gemma 3 sees 896 x 896 pixels and pools them to 256 tokens: set image_side_px to 896 and
tokens_per_image to 256."""

from ops.preflight.contract import Family, Sight
from ops.preflight.families.writing import GEMMA
from ops.preflight.limits import Limits

_PATCH = 14


def look(width_px: int, height_px: int, limits: Limits) -> Sight:
    """A square of patches."""
    side = limits.image_side_px or 224
    return Sight((side // _PATCH) ** 2, side, side)


FAMILY = Family(
    name="siglip",
    title="PaliGemma, Gemma 3 and others with a fixed SigLIP square",
    source="transformers 5.23 models/paligemma/processing_paligemma.py and models/gemma3/processing_gemma3.py",
    look=look,
    template=GEMMA,
    presets={"max_tokens": 8192},
    members=("paligemma", "gemma3"),
    image_token="<image>",  # noqa: S106
)
