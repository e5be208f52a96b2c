"""JPEG files made here, as large as real ones."""

import io

import numpy as np
from PIL import Image


def photos(count: int) -> list[bytes]:
    """Distinct JPEG files of 640 x 480 pixels, about 70 kB: a noisy picture, cut elsewhere each time."""
    drawn = np.random.default_rng(0)
    noise = Image.fromarray(drawn.integers(0, 255, (90, 120, 3), np.uint8)).resize((960, 720), Image.Resampling.BICUBIC)
    files: list[bytes] = []
    for number in range(count):
        left, top = number % 320, number // 320 % 240
        out = io.BytesIO()
        noise.crop((left, top, left + 640, top + 480)).save(out, "JPEG", quality=85)
        files.append(out.getvalue())
    return files
