"""The resizing of Qwen's models, in whose pixels Qwen2.5-VL writes boxes."""

import math
from dataclasses import dataclass

_MOST_ASPECT = 200


class UnresizableError(ValueError):
    """A picture that the resizing refuses; says why."""


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

    def size(self, width_px: int, height_px: int) -> tuple[int, int]:
        """Width and height of the resized picture, in pixels. Raises UnresizableError where one side is more than 200
        times the other, or would be reduced to nothing."""
        aspect = max(width_px, height_px) / min(width_px, height_px)
        if aspect > _MOST_ASPECT:
            raise UnresizableError(f"{width_px}x{height_px} pixels: one side is {aspect:.0f} times the other")
        width, height = self._rounded(width_px), self._rounded(height_px)
        if width * height > self.max_image_px:
            shrink = math.sqrt(width_px * height_px / self.max_image_px)
            floor = 0 if self.at_least_one else self.factor
            width, height = (
                max(floor, self._times(math.floor(side / shrink / self.factor))) for side in (width_px, height_px)
            )
        elif width * height < self.min_image_px:
            grow = math.sqrt(self.min_image_px / (width_px * height_px))
            width, height = (self._times(math.ceil(side * grow / self.factor)) for side in (width_px, height_px))
        if not width or not height:
            raise UnresizableError(f"{width_px}x{height_px} pixels: a side would be reduced to nothing")
        return width, height

    def _rounded(self, side: int) -> int:
        rounded = self._times(round(side / self.factor))
        return max(self.factor, rounded) if self.at_least_one else rounded

    def _times(self, count: int) -> int:
        return count * self.factor


QWEN_2_5 = SmartResize(factor=28, min_image_px=56 * 56, max_image_px=16384 * 28 * 28)
"""Qwen2-VL's and Qwen2.5-VL's processor: patches of 14 pixels, merged two by two, and the range of their
preprocessor_config.json."""
