"""Images read from a real lake by their ids."""

from pathlib import Path

import pytest

from ops.core.identity import image_id
from resources.lake.stored_images import stored_images
from resources.lake.tables import Lake
from tests.support.embedded import add, drawn


def test_reads_the_images_asked_for_and_no_others(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    pictures = {image_id(data): data for data in map(drawn, range(3))}
    add(lake, "first", list(pictures.values()), ["a"] * 3)
    wanted = sorted(pictures)[:2]
    assert dict(stored_images(lake, wanted)) == {one: pictures[one] for one in wanted}
    assert not list(stored_images(lake, ()))


def test_what_is_lost_is_counted_and_named_after_what_is_there(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    add(lake, "first", [drawn(1)], ["a"])
    stored = stored_images(lake, {image_id(drawn(1)), "f1", "f0"})
    assert next(stored) == (image_id(drawn(1)), drawn(1))
    with pytest.raises(LookupError, match="2 images that examples show are not in the lake's images, among them f0"):
        next(stored)
