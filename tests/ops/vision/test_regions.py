"""Places of phrases in drawn pictures whose cells' vectors are known."""

import numpy as np
import pytest
from PIL import Image

from ops.core.identity import image_id
from ops.vision.regions import EVERYDAY, NO_REGIONS, Phrase, RegionTable, StoredRegion, found_regions, naming

RED, GREY = (220, 20, 30), (120, 120, 120)
DIM = 8
EVERYDAY_VECTORS = np.random.default_rng(5).normal(size=(len(EVERYDAY), DIM))
EVERYDAY_VECTORS[:, 0] = 0  # nothing everyday lies on the axis of what is looked for
EVERYDAY_VECTORS /= np.linalg.norm(EVERYDAY_VECTORS, axis=1, keepdims=True)


def picture(box: tuple[int, int, int, int]) -> Image.Image:
    """A red block (left, top, right, bottom in fourteenths) on grey, wider than it is high."""
    pixels = np.full((140, 280, 3), GREY, np.uint8)
    left, top, right, bottom = box
    pixels[10 * top : 10 * bottom, 20 * left : 20 * right] = RED
    return Image.fromarray(pixels)


def cells(box: tuple[int, int, int, int], side: int = 14) -> np.ndarray:
    """Cells that are what is looked for inside the box, and something everyday elsewhere."""
    grid = np.tile(EVERYDAY_VECTORS[3], (side, side, 1))
    left, top, right, bottom = box
    grid[top:bottom, left:right] = np.eye(DIM)[0]
    return grid


def find(box: tuple[int, int, int, int]) -> StoredRegion:
    phrases = np.stack([EVERYDAY_VECTORS[9], np.eye(DIM)[0]])
    return found_regions(picture(box), cells(box), phrases, EVERYDAY_VECTORS)[1]


def table(key: Phrase, place: StoredRegion) -> RegionTable:
    return RegionTable.of([key.key], [place.box], [(place.similarity, place.fit, place.margin)], [place.colours])


@pytest.mark.parametrize("box", [(2, 3, 7, 8), (0, 0, 4, 4), (9, 10, 14, 14)])
def test_place_is_where_the_phrase_fits_and_has_its_colours(box: tuple[int, int, int, int]):
    place = find(box)
    np.testing.assert_allclose(np.array(place.box) * 14, box, atol=1.01)  # a cell is lost at rims, by smoothing
    assert place.similarity == pytest.approx(1, abs=0.01)
    assert place.fit > 3 < place.margin
    phrase = Phrase(image_id(b"a picture"), "block")
    region = table(phrase, place).get(phrase)
    assert region is not None
    assert region.box == pytest.approx(place.box)
    assert region.inside.of("red")[1] > 0.95
    assert region.may_be.of("grey")[0] >= region.inside.of("grey")[0]
    assert region.may_be.of("blue")[0] == 0


def test_all_places_where_the_thing_may_be_are_looked_at():
    """Two blocks: the box is round the better one, but the colour of the other counts as possible."""
    pixels = np.array(picture((1, 1, 5, 5)))
    pixels[90:140, 160:260] = (30, 60, 220)
    grid = cells((1, 1, 5, 5))
    for block, share in (((1, 5), 0.8), ((9, 13), 0.7)):
        rest = (1 - share**2) ** 0.5 * EVERYDAY_VECTORS[7]
        grid[slice(*block), slice(*block)] = share * np.eye(DIM)[0] + rest
    (place,) = found_regions(Image.fromarray(pixels), grid, np.eye(DIM)[:1], EVERYDAY_VECTORS)
    phrase = Phrase(image_id(b"two"), "block")
    region = table(phrase, place).get(phrase)
    assert region is not None
    assert region.box[2] < 0.5
    assert region.inside.of("blue")[0] == 0
    assert region.may_be.of("blue")[1] > 0.1


def test_what_is_everywhere_stands_out_nowhere():
    (place,) = found_regions(picture((0, 0, 1, 1)), cells((0, 0, 14, 14)), np.eye(DIM)[:1], EVERYDAY_VECTORS)
    assert place.margin == pytest.approx(0, abs=1e-6)


def test_few_cells_are_not_smoothed():
    (place,) = found_regions(picture((2, 4, 4, 6)), cells((1, 2, 2, 3), 7), np.eye(DIM)[:1], EVERYDAY_VECTORS)
    assert np.array(place.box) * 7 == pytest.approx([1, 2, 2, 3])


def test_each_phrase_is_found_for_itself():
    phrases = np.stack([np.eye(DIM)[0], EVERYDAY_VECTORS[9], np.eye(DIM)[2]])
    together = found_regions(picture((2, 3, 7, 8)), cells((2, 3, 7, 8)), phrases, EVERYDAY_VECTORS)
    for phrase, place in zip(phrases, together, strict=True):
        (alone,) = found_regions(picture((2, 3, 7, 8)), cells((2, 3, 7, 8)), phrase[None], EVERYDAY_VECTORS)
        assert (alone.box, alone.colours) == (place.box, place.colours)
        assert alone.fit == pytest.approx(place.fit)


def test_table_knows_its_phrases_alone():
    car, dog = Phrase(image_id(b"one"), "car"), Phrase(image_id(b"one"), "dog")
    assert table(car, find((2, 3, 7, 8))).get(dog) is None
    assert NO_REGIONS.get(car) is None
    assert car.key != Phrase(image_id(b"two"), "car").key
    assert (naming("car"), naming("birds")) == ("A photo of a car.", "A photo of birds.")
