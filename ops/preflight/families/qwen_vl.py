"""Qwen2-VL and Qwen2.5-VL: pictures of any size. `smart_resize` rounds each side to 28 pixels (patches of 14, merged
two by two) and scales into a range of pixels; a token is 28 x 28 pixels. A picture whose sides differ more than 200
times is refused. The processor's range is 3,136 to 12,845,056 pixels in the models' preprocessor_config.json;
ms-swift prepares pictures with qwen_vl_utils, whose range is the same and whose rounding differs below one patch."""

from ops.boxes.smart_resize import QWEN_2_5, SmartResize
from ops.preflight.contract import Family, Sight
from ops.preflight.families.resizing import look_at_resized
from ops.preflight.families.writing import CHATML
from ops.preflight.limits import Limits

_IN_SWIFT = SmartResize(factor=28, min_image_px=4 * 28 * 28, max_image_px=16384 * 28 * 28, at_least_one=True)


def look(width_px: int, height_px: int, limits: Limits) -> Sight:
    """As transformers' processor sees it."""
    return look_at_resized(QWEN_2_5, width_px, height_px, limits)


def look_in_swift(width_px: int, height_px: int, limits: Limits) -> Sight:
    """As qwen_vl_utils sees it."""
    return look_at_resized(_IN_SWIFT, width_px, height_px, limits)


FAMILY = Family(
    name="qwen2.5-vl",
    title="Qwen2-VL and Qwen2.5-VL",
    source="transformers 5.23 models/qwen2_vl/image_processing_qwen2_vl.py; qwen_vl_utils 0.0.14 vision_process.py",
    look=look,
    look_in_swift=look_in_swift,
    template=CHATML.saying("You are a helpful assistant."),
    presets={"max_tokens": 32768},
    members=("qwen2-vl", "qwen2-vl-7b-instruct", "qwen2.5-vl-7b-instruct"),
    image_token="<|image_pad|>",  # noqa: S106
    around=(1, 1),
)
