"""Pictures of a few kilobytes for the page."""

import io

from ops.intake.image_checks import decode_rgb
from ops.report.data import Picture

SIDE_PX = 168
QUALITY = 72
#: Pixels above which an image is not decoded for the page.
MOST_PX = 50_000_000


def thumbnail(data: bytes, width_px: int, height_px: int) -> Picture:
    """A JPEG of at most SIDE_PX a side of an image of that size, decoded as the audits see it. Without bytes where the
    image does not decode or has more than MOST_PX pixels."""
    if width_px * height_px > MOST_PX:
        return Picture(b"", width_px, height_px)
    try:
        image = decode_rgb(data)
    except Exception:
        # Decoders raise nearly anything on broken bytes, and each means the same here: an empty frame.
        return Picture(b"", width_px, height_px)
    image.thumbnail((SIDE_PX, SIDE_PX))
    out = io.BytesIO()
    image.save(out, "JPEG", quality=QUALITY, optimize=True)
    return Picture(out.getvalue(), width_px, height_px)
