"""What a model of Qwen's makes of a picture that its processor resizes."""

from dataclasses import replace

from ops.boxes.smart_resize import SmartResize, UnresizableError
from ops.preflight.contract import Sight, UnseeableError
from ops.preflight.limits import Limits


def look_at_resized(resize: SmartResize, width_px: int, height_px: int, limits: Limits) -> Sight:
    """Tokens and size of a picture, within the limits' range of pixels or else the model's. Raises UnseeableError."""
    least, most = limits.min_image_px or resize.min_image_px, limits.max_image_px or resize.max_image_px
    try:
        width, height = replace(resize, min_image_px=least, max_image_px=most).size(width_px, height_px)
    except UnresizableError as error:
        raise UnseeableError(str(error)) from error
    return Sight((width // resize.factor) * (height // resize.factor), width, height)
