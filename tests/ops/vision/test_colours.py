"""Names of colours on plain swatches, subjects on plain grounds, and the bytes that facts are kept in."""

import io

import imagehash
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra.numpy import arrays
from PIL import ExifTags, Image

from ops.intake.image_checks import check_image
from ops.intake.rows import IngestSettings
from ops.vision.colours import COLOURS, FACT_BYTES, WORDS, ColourTable, PictureColours, picture_facts, read_facts
from tests.support.examples import examples

SWATCHES = {
    "black": (10, 10, 12),
    "white": (250, 250, 250),
    "grey": (128, 128, 128),
    "red": (220, 20, 30),
    "orange": (255, 140, 0),
    "yellow": (250, 225, 30),
    "green": (20, 140, 40),
    "teal": (0, 128, 128),
    "blue": (30, 60, 220),
    "purple": (128, 0, 128),
    "pink": (255, 170, 190),
    "brown": (120, 75, 35),
    "beige": (225, 205, 165),
}


def facts(rgb: np.ndarray) -> PictureColours:
    return read_facts(np.frombuffer(picture_facts(rgb), np.uint8))


def picture(*spots: tuple[slice, slice, tuple[int, int, int]], ground: tuple[int, int, int] = (245, 245, 245)):
    drawn = np.tile(np.array(ground, np.uint8), (48, 64, 1))
    for rows, columns, colour in spots:
        drawn[rows, columns] = colour
    return drawn


@pytest.mark.parametrize("name", COLOURS)
def test_plain_swatch_is_surely_its_own_colour_and_no_other(name: str):
    shares = facts(picture(ground=SWATCHES[name])).whole
    assert [other for other in COLOURS if shares.of(other)[1] > 0] == [name]
    assert shares.of(name) == (1.0, 1.0)


def test_far_colours_are_not_even_possible():
    far = {"red": ("blue", "green", "teal"), "blue": ("red", "orange", "yellow", "brown"), "white": ("black", "red")}
    for name, others in far.items():
        shares = facts(picture(ground=SWATCHES[name])).whole
        assert not any(shares.of(other)[0] for other in others), name


@settings(max_examples=examples(50), deadline=None)
@given(arrays(np.uint8, (7, 9, 3)))
def test_what_is_sure_is_possible_and_nothing_is_nameless(rgb: np.ndarray):
    colours = facts(rgb)
    for shares in (colours.whole, colours.subject):
        assert (shares.sure <= shares.possible + 1e-4).all()
    assert colours.whole.possible.sum() > 0


def test_one_subject_on_a_plain_ground_is_found_with_its_box():
    colours = facts(picture((slice(12, 24), slice(16, 48), SWATCHES["red"])))
    assert colours.has_one_subject
    assert colours.box == pytest.approx((0.25, 0.25, 0.75, 0.5), abs=0.01)
    assert colours.subject.of("red") == (1.0, 1.0)
    assert colours.subject.of("white") == (0.0, 0.0)
    assert colours.whole.of("red")[1] == pytest.approx(12 * 32 / (48 * 64), abs=1e-4)


def test_parts_are_counted_and_specks_are_not():
    spots = [(slice(4, 12), slice(at, at + 8), SWATCHES["blue"]) for at in (4, 20, 36)]
    assert facts(picture(*spots)).parts == 3
    assert facts(picture(*spots, (slice(30, 31), slice(30, 31), SWATCHES["red"]))).parts == 3
    spiral = [(slice(4, 40), slice(6, 10), SWATCHES["blue"]), (slice(36, 40), slice(6, 50), SWATCHES["blue"])]
    assert facts(picture(*spiral)).parts == 1


def test_picture_without_a_plain_ground_has_no_subject():
    noise = np.random.default_rng(3).integers(0, 256, (48, 64, 3)).astype(np.uint8)
    colours = facts(noise)
    assert (colours.is_plain, colours.parts, colours.has_one_subject) == (False, 0, False)
    assert not colours.subject.possible.any()
    assert facts(picture()).parts == 0


def test_every_word_means_known_colours():
    assert {name for names in WORDS.values() for name in names} == set(COLOURS)


def test_table_gives_each_picture_its_own_facts():
    red, blue = picture(ground=SWATCHES["red"]), picture(ground=SWATCHES["blue"])
    table = ColourTable.of(["b", "a"], [picture_facts(red), picture_facts(blue)])
    assert table.facts.shape == (2, FACT_BYTES)
    first, second = table.get("a"), table.get("b")
    assert first is not None
    assert second is not None
    assert (first.whole.words(), second.whole.words()) == ("blue 100%", "red 100%")
    assert table.get("c") is None
    assert table.get("aa") is None


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"])
def test_ingest_finds_the_colours_of_every_type_of_file(kind: str):
    small = Image.fromarray(picture((slice(12, 24), slice(16, 48), SWATCHES["red"])))
    data = io.BytesIO()
    small.resize((640, 480), Image.Resampling.NEAREST).save(data, kind)
    settings = IngestSettings(repairs=("image_palette",))
    colours = read_facts(np.frombuffer(check_image(data.getvalue(), settings).colours, np.uint8))
    assert colours.has_one_subject
    assert colours.box == pytest.approx((0.25, 0.25, 0.75, 0.5), abs=0.03)
    assert colours.subject.of("red")[1] > 0.95


def test_subject_of_a_turned_photo_lies_where_it_is_seen():
    wide = Image.fromarray(picture((slice(2, 12), slice(16, 48), SWATCHES["red"]))).resize((256, 192))
    data, exif = io.BytesIO(), Image.Exif()
    exif[ExifTags.Base.Orientation] = 6  # seen after a quarter turn clockwise: its top is at the right
    wide.save(data, "JPEG", exif=exif)
    facts_kept = check_image(data.getvalue(), IngestSettings(repairs=("image_orientation",)))
    colours = read_facts(np.frombuffer(facts_kept.colours, np.uint8))
    assert colours.box == pytest.approx((0.75, 0.25, 46 / 48, 0.75), abs=0.03)


def test_perceptual_hash_is_that_of_the_grey_picture():
    noise = np.random.default_rng(5).integers(0, 256, (24, 32, 3), np.uint8)
    data = io.BytesIO()
    Image.fromarray(noise).resize((320, 240), Image.Resampling.BICUBIC).save(data, "JPEG")
    grey = Image.open(data)
    grey.draft("L", (64, 64))
    expected = str(imagehash.phash(grey.convert("L")))
    assert check_image(data.getvalue(), IngestSettings()).perceptual_hash == expected
