"""A sample of examples in two languages, some of which a candidate removes."""

from typing import Any

import numpy as np

from resources.gates.picture_groups import PictureGroups
from resources.gates.sample import Sample

NO_PICTURES = PictureGroups([""] * 800)
GERMAN = "Auf dem Bild sieht man einen kleinen Hund auf einer Wiese."
ENGLISH = "A small dog is sitting on the green meadow."


def sampled(*, of_german: float, of_english: float) -> Sample:
    """Two sources of 100 German and 300 English examples each, of which these shares are removed."""
    rows: list[dict[str, Any]] = []
    member: list[bool] = []
    for dataset in ("a", "b"):
        for text, count, share in ((GERMAN, 100, of_german), (ENGLISH, 300, of_english)):
            messages = [{"role": "assistant", "parts": [{"type": "text", "text": text, "image_id": None}]}]
            rows += [{"delivery": "d", "dataset": dataset, "messages": messages, "image_ids": []}] * count
            member += [n >= share * count for n in range(count)]
    return Sample(rows, np.array(member))
