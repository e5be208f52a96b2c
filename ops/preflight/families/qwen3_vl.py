"""Qwen3-VL: as Qwen2-VL, with patches of 16 pixels, so that a token is 32 x 32 pixels, 65,536 to 16,777,216 pixels a
picture (qwen_vl_utils, which ms-swift uses: 4,096 at least), and no system prompt of its own."""

from ops.boxes.smart_resize import SmartResize
from ops.preflight.contract import Family, Sight
from ops.preflight.families.resizing import look_at_resized
from ops.preflight.families.writing import CHATML
from ops.preflight.limits import Limits

_RESIZE = SmartResize(factor=32, min_image_px=256 * 256, max_image_px=16384 * 32 * 32)
_IN_SWIFT = SmartResize(factor=32, min_image_px=4 * 32 * 32, max_image_px=16384 * 32 * 32, at_least_one=True)


def look(width_px: int, height_px: int, limits: Limits) -> Sight:
    """As transformers' processor sees it."""
    return look_at_resized(_RESIZE, width_px, height_px, limits)


def look_in_swift(width_px: int, height_px: int, limits: Limits) -> Sight:
    """As qwen_vl_utils sees it."""
    return look_at_resized(_IN_SWIFT, width_px, height_px, limits)


FAMILY = Family(
    name="qwen3-vl",
    title="Qwen3-VL",
    source="transformers 5.23 models/qwen2_vl/image_processing_qwen2_vl.py; qwen_vl_utils 0.0.14 vision_process.py",
    look=look,
    look_in_swift=look_in_swift,
    template=CHATML,
    presets={"max_tokens": 262144},
    members=("qwen3-vl-8b-instruct",),
    image_token="<|image_pad|>",  # noqa: S106
    around=(1, 1),
)
