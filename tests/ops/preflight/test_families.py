"""Tokens of a picture, against the processors of transformers."""

from collections.abc import Callable
from typing import Any

import pytest

from ops.preflight.contract import UnseeableError
from ops.preflight.limits import Limits
from ops.preflight.registry import all_families, family_of

pytestmark = pytest.mark.full  # transformers and torch take seconds to import

SIDES = (1, 2, 13, 27, 28, 29, 56, 100, 127, 336, 337, 448, 640, 897, 1365, 1999, 4000)
SIZES = [(width, height) for width in SIDES for height in SIDES]


def qwen(factor: int) -> Callable[[int, int], int]:
    from transformers.models.qwen2_vl.image_processing_qwen2_vl import smart_resize

    least, most = {28: (3136, 12845056), 32: (65536, 16777216)}[factor]

    def tokens(width: int, height: int) -> int:
        high, wide = smart_resize(height, width, factor, least, most)
        return high * wide // factor**2

    return tokens


def internvl() -> Callable[[int, int], int]:
    from transformers.models.got_ocr2.image_processing_got_ocr2 import GotOcr2ImageProcessor

    size = {"height": 448, "width": 448}
    processor = GotOcr2ImageProcessor(size=size, crop_to_patches=True, min_patches=1, max_patches=12)
    return lambda width, height: 256 * processor.get_number_of_image_patches(height, width, {})


class Bare:
    """A processor's own arithmetic, without a tokenizer."""

    def __init__(self, kind: Any, **settings: Any) -> None:
        self.__dict__.update(settings)
        self._kind = kind

    def __getattr__(self, name: str) -> Any:
        return getattr(self._kind, name).__get__(self)


def llava_next() -> Callable[[int, int], int]:
    from transformers.models.llava_next.image_processing_llava_next import LlavaNextImageProcessor
    from transformers.models.llava_next.processing_llava_next import LlavaNextProcessor

    pinpoints = [[336, 672], [672, 336], [672, 672], [1008, 336], [336, 1008]]
    images = LlavaNextImageProcessor(image_grid_pinpoints=pinpoints)
    bare = Bare(LlavaNextProcessor, image_processor=images, patch_size=14, num_additional_image_tokens=1)
    # The feature of the class token, which CLIP adds, is left out again.
    return lambda width, height: bare._get_number_of_features(height, width, 336, 336) - 1


def idefics3() -> Callable[[int, int], int]:
    from transformers.models.idefics3.image_processing_idefics3 import Idefics3ImageProcessor

    processor = Idefics3ImageProcessor(size={"longest_edge": 4 * 364}, max_image_size={"longest_edge": 364})

    def tokens(width: int, height: int) -> int:
        _, rows, columns = processor.get_number_of_image_patches(height, width, {})
        return 169 + 3 + rows * (columns * (169 + 2) + 1)

    return tokens


@pytest.mark.parametrize(
    ("model", "reference"),
    [
        ("qwen2.5-vl", lambda: qwen(28)),
        ("qwen3-vl", lambda: qwen(32)),
        ("internvl", internvl),
        ("llava-next", llava_next),
        ("idefics3", idefics3),
    ],
)
def test_pictures_have_the_tokens_that_the_processor_gives_them(model: str, reference: Any) -> None:
    family, tokens = family_of(model), reference()
    differing: list[str] = []
    for width, height in SIZES:
        try:
            forecast: Any = family.look(width, height, Limits()).tokens
        except UnseeableError:
            forecast = ValueError
        try:
            wanted = tokens(width, height)
        except ValueError:
            wanted = ValueError
        if forecast != wanted:
            differing.append(f"{width}x{height}: {forecast}, the processor {wanted}")
    assert not differing


def test_ms_swift_prepares_thin_pictures_otherwise_than_transformers() -> None:
    family = family_of("qwen2.5-vl")
    assert family.look_in_swift is not None
    assert family.look_in_swift(1990, 10, Limits()).tokens == 71
    assert family.look(1990, 10, Limits()).tokens == 29  # its height rounds to nothing first


def test_fixed_squares() -> None:
    assert family_of("llava-1.5").look(4000, 3, Limits()).tokens == 576
    assert family_of("paligemma").look(4000, 3, Limits()).tokens == 256
    assert family_of("siglip").look(4000, 3, Limits(image_side_px=448)).tokens == 1024


@pytest.mark.parametrize("name", list(all_families()))
def test_every_family_names_its_source_and_is_found_by_its_members(name: str) -> None:
    family = all_families()[name]
    assert any(character.isdigit() for character in family.source)
    assert all(family_of(f"org/{member.upper()}") is family for member in family.members)
