"""Complexity of a picture: flat, one edge, noise; and what looks written."""

import io

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from ops.intake.image_checks import check_image
from ops.intake.rows import IngestSettings
from ops.vision.image_complexity import complexity, written_share


def grey(values: np.ndarray) -> np.ndarray:
    return np.repeat(values[..., None], 3, axis=2).astype(np.uint8)


def test_a_flat_picture_has_neither_edges_nor_entropy() -> None:
    assert complexity(grey(np.full((64, 48), 77))) == (0.0, 0.0)


def test_one_edge() -> None:
    half = np.zeros((66, 66))
    half[:, 33:] = 255
    edges, entropy = complexity(grey(half))
    assert edges == pytest.approx(2 / 64), "the gradient sees the step from the pixels on either side of it"
    assert entropy == pytest.approx(1.0)


def test_noise_is_nearly_all_edges() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64))
    edges, entropy = complexity(grey(noise))
    assert edges > 0.85
    assert 7.9 < entropy <= 8


def test_a_slope_has_entropy_and_no_edges() -> None:
    edges, entropy = complexity(grey(np.tile(np.arange(64) * 4, (64, 1))))
    assert edges == 0
    assert entropy == pytest.approx(6.0)


def test_a_picture_of_one_pixel() -> None:
    assert complexity(grey(np.array([[9]]))) == (0.0, 0.0)


def page(size: int, lines: int, *, ink: int = 0, ground: int = 255) -> Image.Image:
    """A page of so many lines of letters."""
    made = Image.new("L", (640, 480), ground)
    pen = ImageDraw.Draw(made)
    for at in range(lines):
        text = "the quick brown fox jumps over the lazy dog and back again to where it was before"
        pen.text((20, 10 + at * size * 1.5), text, fill=ink, font=ImageFont.load_default(size))
    return made


@pytest.mark.parametrize("size", [12, 16, 24, 36])
def test_more_lines_are_more_writing_dark_or_light(size: int) -> None:
    shares = [written_share(np.asarray(page(size, lines))) for lines in (0, 2, 4, 8)]
    assert shares[0] == 0
    assert shares == sorted(shares)
    assert shares[-1] > 3 * shares[1] > 0
    light = written_share(np.asarray(page(size, 4, ink=255, ground=20)))
    assert light == pytest.approx(shares[2], rel=0.1)


def test_what_is_not_written() -> None:
    """Flat, a slope, faint noise, a checkerboard wider than strokes, single lines, and what is too small."""
    rng = np.random.default_rng(0)
    board = np.kron(np.indices((20, 20)).sum(axis=0) % 2 * 255, np.ones((24, 24)))
    single = np.full((480, 640), 255.0)
    single[:, 100::200] = 0
    noise = rng.integers(100, 156, (480, 640))
    for grey_values in (np.full((480, 640), 9), np.tile(np.arange(640) % 256, (64, 1)), noise, board, single):
        assert written_share(grey_values.astype(np.uint8)) == pytest.approx(0, abs=0.01)
    assert written_share(np.zeros((3, 900), np.uint8)) == 0.0
    assert written_share(np.zeros((900, 3), np.uint8)) == 0.0


def test_ingest_reads_at_a_scale_at_which_there_is_something_to_read() -> None:
    """The same page as PNG, as JPEG (which the hash decodes at a reduced scale), large, and lying on its side."""
    upright = page(16, 8)

    def share(image: Image.Image, kind: str, **more: object) -> float:
        stream = io.BytesIO()
        image.save(stream, kind, **more)
        return check_image(stream.getvalue(), IngestSettings()).text_share

    png = share(upright, "PNG")
    assert png > 0.1
    assert share(upright, "JPEG", quality=90) == pytest.approx(png, rel=0.2)
    assert share(upright.resize((1920, 1440), Image.Resampling.BICUBIC), "JPEG") == pytest.approx(png, rel=0.3)
    exif = Image.Exif()
    exif[0x0112] = 6
    assert share(upright.transpose(Image.Transpose.ROTATE_90), "JPEG", exif=exif) == pytest.approx(png, rel=0.2)
