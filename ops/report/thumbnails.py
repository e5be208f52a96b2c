"""Pictures of a few kilobytes for the pages."""

import base64
import io

from PIL import Image

from ops.intake.image_checks import decode_rgb
from ops.report.audit_data import Picture

SIDE_PX = 168
QUALITY = 72
#: Pixels above which an image is not decoded for a page.
MOST_PX = 50_000_000


def thumbnail(data: bytes, width_px: int, height_px: int, *, side_px: int = SIDE_PX) -> Picture:
    """The picture of an image of that size; without bytes where it has none (`small_jpeg`)."""
    return Picture(small_jpeg(data, side_px=side_px) if width_px * height_px <= MOST_PX else b"", width_px, height_px)


def small_jpeg(data: bytes, *, side_px: int = SIDE_PX) -> bytes:
    """A JPEG of at most `side_px` a side, of the image as the audits see it. Empty where it does not decode or has more
    than MOST_PX pixels."""
    try:
        with Image.open(io.BytesIO(data)) as header:
            if header.width * header.height > MOST_PX:
                return b""
        image = decode_rgb(data)
    except Exception:
        # Decoders raise nearly anything on broken bytes, and each means the same here: an empty frame.
        return b""
    image.thumbnail((side_px, side_px))
    out = io.BytesIO()
    image.save(out, "JPEG", quality=QUALITY, optimize=True)
    return out.getvalue()


def data_uri(data: bytes, kind: str = "image/jpeg") -> str:
    """The address under which a page holds a file of that media type within itself."""
    return f"data:{kind};base64,{base64.b64encode(data).decode('ascii')}"
