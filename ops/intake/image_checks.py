"""What an image is and whether it can be trained on: decoded once, to its end, for all that ingest needs of its pixels.

JPEG is decoded at a reduced scale (libjpeg's scaled inverse transform): every coded byte is still read, so a cut file
is found, and the perceptual hash and the colours need no more. benchmarks/ingest.py has the figures of the decoders
compared.
"""

import io
import re
import struct
import warnings
from dataclasses import dataclass

import imagehash
import numpy as np
from PIL import ExifTags, Image, UnidentifiedImageError

from ops.intake.row import RowError
from ops.intake.rows import IngestSettings
from ops.vision.colours import SIDE_PX, picture_facts
from ops.vision.image_complexity import WRITING_PX, complexity, written_share

# The types read, by Pillow's names; Pillow's other decoders are never reached by data.
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "MPO")
_EXTENSIONS = {
    "jpg": "JPEG",
    "jpeg": "JPEG",
    "jpe": "JPEG",
    "jfif": "JPEG",
    "mpo": "JPEG",
    "png": "PNG",
    "apng": "PNG",
    "webp": "WEBP",
    "gif": "GIF",
    "bmp": "BMP",
    "tif": "TIFF",
    "tiff": "TIFF",
    "avif": "AVIF",
}
IMAGE_NAME = re.compile(rf"\.({'|'.join(_EXTENSIONS)}|heic|svg|psd|ico)$", re.IGNORECASE)
_DRAFT_PX = 64  # the scaled decode keeps at least this many pixels a side
_UPRIGHT = 1
_WIDE_MODES = ("I", "F", "I;16", "I;16L", "I;16B", "I;16N")


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """An image as the `images` table describes it, and the reason codes of what is peculiar but repaired.

    Width and height are those of the upright image, after the EXIF orientation."""

    width_px: int
    height_px: int
    format: str
    mode: str
    frames: int
    exif_orientation: int
    perceptual_hash: str
    colours: bytes
    """Its colours, as `ops.vision.colours.picture_facts` writes them."""
    edge_share: float
    entropy_bits: float
    """How much there is to see (ops.vision.image_complexity), at the size at which colours are looked at."""
    text_share: float
    """Share of the picture that looks written, at a longer side of at most `WRITING_PX`."""
    repairs: tuple[str, ...] = ()


def check_image(data: bytes, settings: IngestSettings) -> ImageFacts:
    """The facts of an image that decodes to its end; raises `RowError` with the reason where it may not enter."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        image = _opened(data)
        with image:
            _check_size(image, settings)
            return _decoded(image, data, settings)


def image_type(data: bytes) -> str:
    """The type by the first bytes, by Pillow's name; empty if it is none that is read."""
    if data.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "GIF"
    if data.startswith((b"II*\0", b"MM\0*")):
        return "TIFF"
    if data[4:12] in (b"ftypavif", b"ftypavis"):
        return "AVIF"
    return "BMP" if data.startswith(b"BM") else ""


def name_mismatch(path: str, data: bytes) -> str:
    """What is wrong with the extension of an image's name, or nothing. A name without one says nothing."""
    promised = _EXTENSIONS.get(path.rpartition(".")[2].lower())
    type_found = image_type(data)
    return f"{path[-200:]} is {type_found}" if promised and type_found and promised != type_found else ""


def decode_rgb(data: bytes, *, shortest_px: int | None = None) -> Image.Image:
    """An image of the lake as it is to be seen: upright, 8-bit RGB, transparency laid on white, wide ranges scaled.

    With `shortest_px` a JPEG file is decoded at a half, a quarter or an eighth of its size, which is several times
    faster, where that leaves both sides whole and at least so long.

    The one place where the EXIF orientation is applied; every reader of the lake's images goes through it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with _opened(data) as image:
            if shortest_px:
                _reduce(image, shortest_px)
            image.load()
            orientation = _orientation(image)
            return _turned(_rgb(image), orientation)


def _reduce(image: Image.Image, shortest_px: int) -> None:
    width, height = image.size
    for by in (8, 4, 2):
        # A side that is rounded up would move everything in the picture a little.
        if not width % by and not height % by and min(width, height) >= by * shortest_px:
            image.draft(None, (width // by, height // by))
            return


def _opened(data: bytes) -> Image.Image:
    if not image_type(data):
        raise RowError("image_type_unknown", f"{len(data)} bytes, first {data[:8].hex(' ')}")
    try:
        return Image.open(io.BytesIO(data), formats=FORMATS)
    except Image.DecompressionBombError as error:
        raise RowError("image_px", str(error)[:200]) from None
    except Exception as error:
        # Decoders raise nearly anything on hostile bytes, and each means the same here.
        if _zero_area(data):
            raise RowError("image_small", "the header says zero pixels") from None
        kind = "not an image" if isinstance(error, UnidentifiedImageError) else f"{type(error).__name__}: {error}"
        raise RowError("image_undecodable", f"{image_type(data)}: {kind}"[:300]) from None


def _zero_area(data: bytes) -> bool:
    return data.startswith(b"\x89PNG") and len(data) >= 24 and 0 in struct.unpack(">II", data[16:24])


def _check_size(image: Image.Image, settings: IngestSettings) -> None:
    width, height = image.size
    long, short = max(width, height), min(width, height)
    size = f"{width} x {height} px"
    if width * height > settings.max_image_px or long > settings.max_image_side_px:
        raise RowError("image_px", size)
    if short < max(1, settings.min_image_side_px):
        raise RowError("image_small", size)
    if long > short * settings.max_image_aspect:
        raise RowError("image_aspect", size)


def _decoded(image: Image.Image, data: bytes, settings: IngestSettings) -> ImageFacts:
    width, height = image.size
    mode, kind = image.mode, "JPEG" if image.format == "MPO" else str(image.format)
    try:
        frames = 1 if kind == "JPEG" else int(getattr(image, "n_frames", 1))
        bits = _bits(image, data)
        alpha = "transparency" in image.info or image.has_transparency_data
        if image.format == "JPEG":
            # Its lightness alone is what the hash has always seen: Y is what a draft in grey would give.
            image.draft("YCbCr", (_DRAFT_PX, _DRAFT_PX))
        image.load()
        # Only now: for a PNG, looking for EXIF decodes the pixels, and would swallow what is wrong with them.
        orientation = _orientation(image)
        colours = image if image.mode == "YCbCr" else _rgb(image)
        perceptual_hash = _perceptual_hash(colours, orientation)
        thumbnail = _thumbnail(colours, orientation)
        facts = picture_facts(thumbnail)
        edges, entropy = complexity(thumbnail)
        written = written_share(_readable(image, data, orientation))
    except Exception as error:
        raise RowError(
            "image_undecodable", f"{kind}, {width} x {height} px: {error or type(error).__name__}"[:300]
        ) from None
    if orientation > 4:
        width, height = height, width
    peculiar = {
        "image_animated": frames > 1,
        "image_cmyk": mode == "CMYK",
        "image_16bit": bits > 8,
        "image_palette": mode in ("P", "PA"),
        "image_alpha": alpha,
        "image_orientation": orientation != _UPRIGHT,
    }
    detail = f"{kind}, mode {mode}, {frames} frames, orientation {orientation}"
    repairs = tuple(settings.accept(code, detail) for code, is_peculiar in peculiar.items() if is_peculiar)
    return ImageFacts(
        width, height, kind, mode, frames, orientation, perceptual_hash, facts, edges, entropy, written, repairs
    )


def _bits(image: Image.Image, data: bytes) -> int:
    if image.format == "PNG" and len(data) > 24:
        return data[24]
    return 16 if image.mode in _WIDE_MODES else 8


def _orientation(image: Image.Image) -> int:
    try:
        value = image.getexif().get(ExifTags.Base.Orientation, _UPRIGHT)
    except Exception:
        return _UPRIGHT  # broken EXIF does not make the pixels unreadable
    return value if isinstance(value, int) and 1 <= value <= 8 else _UPRIGHT


_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def _turned(image: Image.Image, orientation: int) -> Image.Image:
    return image if orientation == _UPRIGHT else image.transpose(_TURNS[orientation])


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode in _WIDE_MODES:
        return _scaled(image).convert("RGB")
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        colours = image.convert("RGBA")
        white = Image.new("RGBA", colours.size, (255, 255, 255, 255))
        return Image.alpha_composite(white, colours).convert("RGB")
    return image.convert("RGB")


def _scaled(image: Image.Image) -> Image.Image:
    """A wide grey image in 8 bits: 16-bit ranges by their fixed scale, others by what they hold. Pillow's own
    conversion would clip everything above 255 to white."""
    values = np.asarray(image, dtype=np.float64)
    finite = values[np.isfinite(values)]
    if image.mode.startswith("I"):
        low, high = 0.0, 65535.0 if not finite.size or finite.max() > 255 else 255.0
    else:
        low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    scaled = np.nan_to_num((values - low) / max(high - low, 1e-12)) * 255
    return Image.fromarray(np.clip(np.rint(scaled), 0, 255).astype(np.uint8))


def _perceptual_hash(image: Image.Image, orientation: int) -> str:
    small = image.getchannel(0) if image.mode == "YCbCr" else image.convert("L")
    # Shrunk before it is turned and hashed: the hash looks at 32 x 32 pixels of it.
    small = small.resize((128, 128), Image.Resampling.BOX) if min(small.size) > 256 else small
    return str(imagehash.phash(_turned(small, orientation)))


def _thumbnail(image: Image.Image, orientation: int) -> np.ndarray:
    """The upright picture (h, w, 3; uint8) at a longer side of at most `SIDE_PX`."""
    small = image.reduce(max(1, -(-max(image.size) // SIDE_PX)))
    return np.asarray(_turned(small.convert("RGB"), orientation))


def _readable(image: Image.Image, data: bytes, orientation: int) -> np.ndarray:
    """The upright picture in grey (h, w; uint8) at a longer side of at most `WRITING_PX`. A JPEG is decoded once more:
    at the scale that the hash needs, nothing can be read."""
    if image.format == "JPEG":
        with Image.open(io.BytesIO(data), formats=FORMATS) as again:
            again.draft("L", (WRITING_PX, WRITING_PX))
            grey = again.convert("L")
    else:
        grey = _rgb(image).convert("L")
    long = max(grey.size)
    if long > WRITING_PX:
        width, height = (max(1, round(side * WRITING_PX / long)) for side in grey.size)
        grey = grey.resize((width, height), Image.Resampling.BOX)
    return np.asarray(_turned(grey, orientation))
