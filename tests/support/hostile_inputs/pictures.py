"""Pictures that promise too much, hold something else, or never end."""

import io
import pickle
import struct
import zlib

from PIL import Image

from tests.support.hostile_inputs.files import Runs, zipped
from tests.support.layouts import picture


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, *chunks: bytes, pixels: bytes = b"") -> bytes:
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width & 0xFFFFFFFF, height & 0xFFFFFFFF, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(chunks) + chunk(b"IDAT", zlib.compress(pixels)) + chunk(b"IEND", b"")


def hostile_pictures() -> dict[str, bytes]:
    """Pictures that promise too much, hold something else, or never end."""
    good = picture(kind="PNG")
    frames = io.BytesIO()
    stills = [Image.new("P", (8, 8), n % 256) for n in range(300)]
    stills[0].save(frames, "GIF", save_all=True, append_images=stills[1:])
    made = {
        f"{w}x{h}.png": png(w, h)
        for w, h in ((0, 0), (1, 0), (1 << 31, 1), (100_000, 100_000), (30_001, 1), (65_535, 65_535))
    }
    made |= {f"cut{n}.png": good[:n] for n in (1, 7, 8, 16, 33, 50, len(good) - 13)}
    made |= {f"cut{n}.jpg": picture()[:n] for n in (2, 3, 20, 200, 400)}
    return made | {
        "text_bomb.png": png(8, 8, chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(50_000_000))), pixels=bytes(200)),
        "profile_bomb.png": png(8, 8, chunk(b"iCCP", b"a\0\0" + zlib.compress(bytes(50_000_000))), pixels=bytes(200)),
        "pixel_bomb.png": png(8, 8, pixels=bytes(50_000_000)),
        "frames.gif": frames.getvalue(),
        "huge.gif": b"GIF89a\xff\xff\xff\xff\xf7\0\0" + bytes(768) + b",\0\0\0\0\xff\xff\xff\xff\0\x02" + bytes(50),
        "huge.bmp": b"BM"
        + struct.pack("<IHHIIiiHHIIiiII", 54, 0, 0, 54, 40, 1 << 30, 1 << 30, 1, 24, 0, 0, 0, 0, 0, 0),
        "minus.bmp": b"BM" + struct.pack("<IHHIIiiHHIIiiII", 54, 0, 0, 54, 40, -5, -(1 << 31), 1, 24, 0, 0, 0, 0, 0, 0),
        "loop.tif": b"II*\0\x08\0\0\0\0\0\x08\0\0\0",
        "tags.tif": b"II*\0\x08\0\0\0\xff\xff" + bytes(1000),
        "huge.webp": b"RIFF\xff\xff\xff\xffWEBPVP8X\n\0\0\0\x10\0\0\0\xff\xff\xff\xff\xff\xff",
        "empty.avif": b"\0\0\0\x20ftypavif" + bytes(60),
        "script.png": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(x) run\n",
        "page.png": b"<html><script>alert(1)</script>",
        "vector.svg": b"<svg/>",
        "pickle.png": pickle.dumps(Runs()),
        "tail.png": good + pickle.dumps(Runs()),
        "zip.jpg": picture() + zipped("x", b"y"),
        "empty.png": b"",
    }
