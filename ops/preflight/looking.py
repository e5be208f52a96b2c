"""A picture's file as a loader meets it."""

import warnings
from io import BytesIO

from PIL import Image

from ops.preflight.contract import BOMB, BROKEN, Picture

_ORIENTATION = 0x0112
_SIDEWAYS = (5, 6, 7, 8)
_DECODED_PX = 1 << 26
"""Pictures of more pixels are not decoded to see whether they can be: 200 MB of memory."""


def look_at(data: bytes) -> Picture:
    """The picture that these bytes are: its size as stored, whether EXIF turns it, and whether it decodes."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(BytesIO(data)) as image:
                turned = image.getexif().get(_ORIENTATION) in _SIDEWAYS
                if image.width * image.height <= _DECODED_PX:
                    image.load()
                return Picture(image.width, image.height, turned=turned)
    except Image.DecompressionBombError:
        return Picture(state=BOMB)
    except (OSError, SyntaxError, ValueError):
        return Picture(state=BROKEN)
