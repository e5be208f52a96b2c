"""An image to the pixels an encoder takes, without torch: decode workers start in a fraction of a second."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from ops.intake.image_checks import decode_rgb

#: Times the encoder's side that a JPEG file is decoded at, at least: from there on its vector has a cosine above 0.999
#: with that of the whole (`python -m benchmarks.embed scaled`).
DECODED_SIDES = 6
_FILTERS = {"bicubic": Image.Resampling.BICUBIC, "bilinear": Image.Resampling.BILINEAR}


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """open_clip's preprocessing for inference, up to bytes; the encoder divides by 255 and normalises on its device."""

    height: int = 224
    width: int = 224
    mean: tuple[float, ...] = (0.5, 0.5, 0.5)
    std: tuple[float, ...] = (0.5, 0.5, 0.5)
    interpolation: str = "bicubic"
    resize_mode: str = "shortest"
    fill_color: int = 0

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> "Preprocessing":
        """From an open_clip `preprocess_cfg`."""
        size = config["size"]
        height, width = (size, size) if isinstance(size, int) else size
        return cls(
            height,
            width,
            tuple(config["mean"]),
            tuple(config["std"]),
            config["interpolation"],
            config["resize_mode"],
            config["fill_color"],
        )

    def pixels(self, image: Image.Image) -> np.ndarray:
        """(height, width, 3) bytes of an RGB image of any size."""
        kind = _FILTERS.get(self.interpolation)
        if self.resize_mode == "squash" and kind is not None:
            return np.asarray(image.resize((self.width, self.height), kind))
        if self.resize_mode == "shortest" and self.height == self.width and kind is not None:
            return np.asarray(self._shortest(image, kind))
        return np.asarray(self._unusual(image))

    def file_pixels(self, data: bytes, *, sides: int = DECODED_SIDES) -> np.ndarray:
        """The same of an image file; a large JPEG is decoded at a reduced scale, `sides` times the encoder's side at
        least. Raises RowError and OSError where it does not decode."""
        return self.pixels(decode_rgb(data, shortest_px=sides * max(self.height, self.width)))

    def _shortest(self, image: Image.Image, kind: Image.Resampling) -> Image.Image:
        side = self.height
        width, height = image.size
        if width <= height:
            image = image.resize((side, int(side * height / width)), kind)
        else:
            image = image.resize((int(side * width / height), side), kind)
        left, top = round((image.width - side) / 2), round((image.height - side) / 2)
        return image.crop((left, top, left + side, top + side))

    def _unusual(self, image: Image.Image) -> Image.Image:
        # Rare enough to leave to open_clip, at the price of importing torch.
        from open_clip.transform import PreprocessCfg, image_transform_v2

        config = PreprocessCfg(
            size=(self.height, self.width),
            interpolation=self.interpolation,
            resize_mode=self.resize_mode,
            fill_color=self.fill_color,
        )
        for step in image_transform_v2(config, is_train=False).transforms[:-2]:
            image = step(image)
        return image
