"""The resizing of Qwen's models."""

import math
from dataclasses import dataclass

from ops.preflight.contract import Sight, UnseeableError
from ops.preflight.limits import Limits

_MOST_ASPECT = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class SmartResize:
    """Rounds the sides of a picture to `factor` pixels, so that its pixels lie in a range and its aspect stays about
    the same. `at_least_one`: no side rounds to nothing, as in qwen_vl_utils; in transformers it does before the picture
    is enlarged, so that very thin ones come out otherwise.

    Source: `smart_resize` in transformers 5.23 models/qwen2_vl/image_processing_qwen2_vl.py, and in qwen_vl_utils
    0.0.14 vision_process.py."""

    factor: int
    min_image_px: int
    max_image_px: int
    at_least_one: bool = False

    def look(self, width_px: int, height_px: int, limits: Limits) -> Sight:
        """Tokens and size of a picture. Raises UnseeableError where one side is more than 200 times the other."""
        aspect = max(width_px, height_px) / min(width_px, height_px)
        if aspect > _MOST_ASPECT:
            raise UnseeableError(f"{width_px}x{height_px} pixels: one side is {aspect:.0f} times the other")
        least, most = limits.min_image_px or self.min_image_px, limits.max_image_px or self.max_image_px
        sides = [self._rounded(side) for side in (width_px, height_px)]
        if sides[0] * sides[1] > most:
            shrink = math.sqrt(width_px * height_px / most)
            floor = 0 if self.at_least_one else self.factor
            sides = [max(floor, self._times(math.floor(side / shrink / self.factor))) for side in (width_px, height_px)]
        elif sides[0] * sides[1] < least:
            grow = math.sqrt(least / (width_px * height_px))
            sides = [self._times(math.ceil(side * grow / self.factor)) for side in (width_px, height_px)]
        if not all(sides):
            raise UnseeableError(f"{width_px}x{height_px} pixels: a side would be reduced to nothing")
        return Sight((sides[0] // self.factor) * (sides[1] // self.factor), sides[0], sides[1])

    def _rounded(self, side: int) -> int:
        rounded = self._times(round(side / self.factor))
        return max(self.factor, rounded) if self.at_least_one else rounded

    def _times(self, count: int) -> int:
        return count * self.factor
