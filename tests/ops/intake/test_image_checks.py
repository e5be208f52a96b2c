"""Image checks on real images of every type, and on hostile ones."""

import io
import struct
import time
import zlib
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ops.intake.image_checks import check_image, decode_rgb, image_type, name_mismatch
from ops.intake.reasons import REASONS
from ops.intake.row import RowError
from ops.intake.rows import IngestSettings

SETTINGS = IngestSettings()
ANY = IngestSettings(repairs=tuple(code for code, reason in REASONS.items() if reason.repair))


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def gradient(width: int = 96, height: int = 64) -> Image.Image:
    """A smooth picture without symmetry."""
    x, y = np.meshgrid(np.linspace(0, 3, width), np.linspace(0, 2, height))
    waves = [np.sin(a * x + b * y * y + c) for a, b, c in ((3, 1, 0), (1, 4, 1), (5, 2, 2))]
    return Image.fromarray((np.stack(waves, axis=2) * 100 + 128).astype(np.uint8))


def png(width: int, height: int, data: bytes = b"", *, colour: int = 2, depth: int = 8) -> bytes:
    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")


def reason(data: bytes, settings: IngestSettings = SETTINGS) -> str:
    with pytest.raises(RowError) as error:
        check_image(data, settings)
    return error.value.reason


@pytest.mark.parametrize(
    ("size", "shortest", "by"),
    [
        ((400, 304), None, 1),
        ((400, 304), 153, 1),
        ((400, 304), 152, 2),
        ((400, 304), 76, 4),
        ((400, 304), 1, 8),
        ((400, 302), 1, 2),
        ((401, 304), 1, 1),
    ],
)
def test_a_jpeg_is_decoded_no_smaller_than_asked(size: tuple[int, int], shortest: int | None, by: int):
    picture = gradient(*size)
    exif = Image.Exif()
    exif[274] = 6  # to be turned by a quarter
    decoded = decode_rgb(encoded(picture, "JPEG", exif=exif, quality=95), shortest_px=shortest)
    assert decoded.size == (size[1] // by, size[0] // by)
    upright = np.asarray(picture.rotate(-90, expand=True).resize(decoded.size, Image.Resampling.BOX), np.int16)
    assert np.abs(np.asarray(decoded, np.int16) - upright).mean() < 3
    assert decode_rgb(encoded(picture, "PNG"), shortest_px=shortest).size == size


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"])
def test_every_type_is_read_to_its_end(kind: str):
    data = encoded(gradient(), kind)
    facts = check_image(data, SETTINGS)
    assert (facts.width_px, facts.height_px, facts.format, facts.frames) == (96, 64, kind, 1)
    assert image_type(data) == kind
    assert len(facts.perceptual_hash) == 16
    assert decode_rgb(data).size == (96, 64)
    assert reason(data[: len(data) * 2 // 3]) == "image_undecodable"


@pytest.mark.parametrize(
    ("image", "mode", "code"),
    [
        (gradient().convert("CMYK"), "CMYK", "image_cmyk"),
        (gradient().convert("P"), "P", "image_palette"),
        (gradient().convert("RGBA"), "RGBA", "image_alpha"),
        (gradient().convert("LA"), "LA", "image_alpha"),
        (Image.fromarray(np.linspace(0, 65535, 64 * 64).reshape(64, 64).astype(np.uint16)), "I;16", "image_16bit"),
        (Image.fromarray(np.linspace(-3, 3, 64 * 64, dtype=np.float32).reshape(64, 64)), "F", "image_16bit"),
    ],
)
def test_peculiar_modes_are_recorded_and_read_as_rgb(image: Image.Image, mode: str, code: str):
    data = encoded(image, "TIFF")
    facts = check_image(data, SETTINGS)
    assert (facts.mode, facts.repairs) == (mode, (code,))
    assert decode_rgb(data).mode == "RGB"
    assert reason(data, IngestSettings(repairs=())) == code


def test_16_bit_ranges_are_scaled_and_not_clipped():
    ramp = np.linspace(0, 65535, 256, dtype=np.uint16).reshape(16, 16)
    decoded = np.asarray(decode_rgb(encoded(Image.fromarray(ramp), "PNG")))[..., 0]
    assert np.array_equal(decoded.ravel(), np.arange(256))
    assert check_image(encoded(Image.fromarray(ramp), "PNG"), SETTINGS).repairs == ("image_16bit",)


def test_transparency_is_laid_on_white():
    clear = Image.new("RGBA", (8, 8), (255, 0, 0, 0))
    assert decode_rgb(encoded(clear, "PNG")).getpixel((0, 0)) == (255, 255, 255)
    palette = Image.new("P", (8, 8), 0)
    palette.putpalette([9, 9, 9] + [0] * 765)
    data = encoded(palette, "PNG", transparency=0)
    assert decode_rgb(data).getpixel((0, 0)) == (255, 255, 255)
    assert check_image(data, SETTINGS).repairs == ("image_palette", "image_alpha")


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_an_image_is_turned_once(orientation: int, kind: str):
    upright = gradient(96, 64)
    inverse = {1: None, 2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}[orientation]
    stored = upright if inverse is None else upright.transpose(Image.Transpose(inverse))
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(stored, kind, exif=exif)
    facts = check_image(data, SETTINGS)
    assert (facts.width_px, facts.height_px, facts.exif_orientation) == (96, 64, orientation)
    assert facts.repairs == (("image_orientation",) if orientation > 1 else ())
    decoded = decode_rgb(data)
    assert decoded.size == (96, 64)
    assert np.abs(np.asarray(decoded, int) - np.asarray(upright, int)).mean() < 4
    plain = check_image(encoded(upright, kind), SETTINGS)
    assert bin(int(facts.perceptual_hash, 16) ^ int(plain.perceptual_hash, 16)).count("1") <= 4


def test_broken_exif_leaves_the_pixels_readable():
    data = encoded(gradient(), "JPEG", exif=b"Exif\0\0II*\0" + b"\xff" * 40)
    assert check_image(data, SETTINGS).exif_orientation == 1
    assert decode_rgb(data).size == (96, 64)


def test_frames():
    frames = [Image.new("RGB", (32, 32), (n * 50, 0, 0)) for n in range(3)]
    for kind in ("GIF", "WEBP", "PNG", "TIFF"):
        data = encoded(frames[0], kind, save_all=True, append_images=frames[1:])
        assert reason(data) == "image_animated"
        facts = check_image(data, ANY)
        assert (facts.frames, "image_animated" in facts.repairs) == (3, True)
        assert decode_rgb(data).getpixel((5, 5))[0] < 10


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "image_type_unknown"),
        (b"hello", "image_type_unknown"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "image_type_unknown"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n(/etc/passwd) run", "image_type_unknown"),
        (b"\xff\xd8\xff", "image_undecodable"),
        (b"\x89PNG\r\n\x1a\n", "image_undecodable"),
        (b"GIF89a" + b"\0" * 4, "image_undecodable"),
        (b"RIFF\x10\0\0\0WEBPVP8 ", "image_undecodable"),
        (b"BM" + b"\0" * 60, "image_undecodable"),
        (b"II*\0\xff\xff\xff\xff", "image_undecodable"),
        (png(100_000, 100_000), "image_px"),
        (png(100_000, 1), "image_px"),
        (png(20_000, 20_000), "image_px"),
        (png(0, 5), "image_small"),
        (png(500, 1, b"\0" + b"\1" * 1500), "image_aspect"),
        (png(50, 50, b"\0"), "image_undecodable"),
    ],
)
def test_what_is_no_good_image_is_refused_with_its_reason(data: bytes, code: str):
    assert reason(data) == code


def test_limits_are_settings():
    data = encoded(gradient(96, 64), "PNG")
    assert reason(data, IngestSettings(max_image_px=96 * 64 - 1)) == "image_px"
    assert reason(data, IngestSettings(max_image_side_px=95)) == "image_px"
    assert reason(data, IngestSettings(min_image_side_px=65)) == "image_small"
    assert reason(data, IngestSettings(max_image_aspect=1.4)) == "image_aspect"
    assert check_image(data, IngestSettings(max_image_px=96 * 64, max_image_aspect=1.5)).width_px == 96


def test_bombs_cost_little():
    """Headers that promise much, and small files that expand to much, are refused before they are decoded."""
    started = time.process_time()
    size = struct.pack("<HH", 65535, 65535)
    gif = b"GIF89a" + size + b"\0\0\0,\0\0\0\0" + size + b"\0\2\0;"
    text = b"\x89PNG\r\n\x1a\n"
    body = b"k\0\0" + zlib.compress(b"x" * 80_000_000, 9)
    for name, data in ((b"IHDR", struct.pack(">IIBBBBB", 4, 4, 8, 2, 0, 0, 0)), (b"zTXt", body), (b"IEND", b"")):
        text += struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
    assert reason(gif) == "image_px"
    assert reason(text) == "image_undecodable"
    assert time.process_time() - started < 5


def test_a_name_may_lie_about_the_type():
    data = encoded(gradient(), "GIF")
    assert name_mismatch("a/b.jpg", data) == "a/b.jpg is GIF"
    assert name_mismatch("a/b.GIF", data) == ""
    assert name_mismatch("a/b", data) == ""
    assert name_mismatch("a.jpeg", encoded(gradient(), "JPEG")) == ""


def test_the_hash_of_a_reduced_decode_is_that_of_the_whole(photos):
    import imagehash

    paths = sorted((photos / "images").iterdir())[:12]
    assert len(paths) == 12
    for path in paths:
        data = path.read_bytes()
        whole = imagehash.phash(decode_rgb(data))
        assert imagehash.hex_to_hash(check_image(data, SETTINGS).perceptual_hash) - whole <= 6
