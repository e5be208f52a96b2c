"""The pictures that a reward is shown, as files, and their vectors, by which near ones are told."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from PIL import ImageFilter

from ops.core.arrow import column_values
from ops.core.measure_schemas import EMBEDDINGS
from ops.core.vectors import Vectors
from ops.intake.image_checks import decode_rgb
from ops.rewards.probes import BLURRED, Ask
from resources.lake.stored_images import stored_images
from resources.lake.tables import Lake
from resources.models.stored_vectors import load_vectors

_BLUR_SHARE = 0.1


def write_pictures(lake: Lake, asks: Iterable[Ask], folder: Path) -> dict[str, str]:
    """Where each picture that is shown lies as a file, blurred ones among them."""
    wanted = {name for ask in asks for name in ask.images}
    paths: dict[str, str] = {}
    for image_id, data in stored_images(lake, {name.removeprefix(BLURRED) for name in wanted}):
        picture = decode_rgb(data)
        stem = f"{len(paths):06d}"
        paths[image_id] = str(folder / f"{stem}.png")
        picture.save(paths[image_id], compress_level=1)
        if BLURRED + image_id in wanted:
            paths[BLURRED + image_id] = str(folder / f"{stem}-blurred.png")
            blur = ImageFilter.GaussianBlur(_BLUR_SHARE * max(picture.size))
            picture.filter(blur).save(paths[BLURRED + image_id], compress_level=1)
    return paths


def vectors_of(lake: Lake, image_ids: Iterable[str]) -> Vectors:
    """Vectors of those of the pictures that the encoder has seen which saw most of them."""
    wanted = sorted(set(image_ids))
    rows = lake.read(EMBEDDINGS, where={"modality": "image", "content_id": wanted}, columns=["encoder"])
    encoders = Counter(column_values(rows, "encoder", str))
    most = max(encoders, key=lambda name: (encoders[name], name), default="")
    return load_vectors(lake, most, "image", wanted)
