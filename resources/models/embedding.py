"""Embeds what a delivery shows and says, each image and text once.

row groups of `images`, texts -> resources/models/encoding.py (Ray Data) -> `embeddings`
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any
from uuid import uuid4

import pyarrow as pa

from ops.core.arrow import column_of, list_members, values_or_nulls
from ops.core.identity import text_id
from ops.core.schemas import EXAMPLES
from resources.config.encoder_settings import EmbeddingSettings, EncoderSettings
from resources.engines.progress import Progress
from resources.lake.scratch import Scratch
from resources.lake.tables import Lake
from resources.models.embedding_work import ImageFile, stored_image_work, text_work
from resources.models.encoder_source import encoder_identity
from resources.models.encoding import encode
from resources.models.stored_vectors import embedded_ids


@dataclass(frozen=True, slots=True)
class EmbedCounts:
    """What was embedded now (new) and what was known from before, and on which device (`none` where nothing was), so
    that a job that fell back to the CPU is seen; `seconds` include the start of the actors."""

    encoder: str
    device: str
    images_new: int
    images_known: int
    texts_new: int
    texts_known: int
    seconds: float

    def metadata(self) -> dict[str, Any]:
        """Plain values for Dagster."""
        return asdict(self) | {"rows_per_s": round((self.images_new + self.texts_new) / max(self.seconds, 1e-9), 1)}


def embed_delivery(
    lake: Lake,
    delivery: str,
    *,
    texts: Callable[[pa.Table], Iterable[str]],
    settings: EncoderSettings,
    embedding: EmbeddingSettings,
    progress: Progress,
) -> EmbedCounts:
    """Embeds the delivery's images, and the texts that `texts` finds in batches of its examples, unless the lake holds
    them already for this encoder. A run after a crash goes on from the last commit.

    Raises EncoderError where the encoder cannot be had, LookupError where an image is not in the lake.
    """
    encoder = encoder_identity(settings)
    images, texts_by_id = _contents(lake, delivery, texts)
    known_images = embedded_ids(lake, encoder, "image", images)
    known_texts = embedded_ids(lake, encoder, "text", texts_by_id.keys())
    new_texts = [text for key, text in texts_by_id.items() if key not in known_texts]
    work = stored_image_work(lake, images - known_images) + text_work(new_texts, embedding.text_batch)
    started, device = time.perf_counter(), "none"
    if work:
        device = encode(lake, work, encoder=encoder, settings=settings, embedding=embedding, progress=progress)
    return EmbedCounts(
        encoder=encoder,
        device=device,
        images_new=len(images) - len(known_images),
        images_known=len(known_images),
        texts_new=len(new_texts),
        texts_known=len(known_texts),
        seconds=round(time.perf_counter() - started, 3),
    )


def unembedded(
    lake: Lake, delivery: str, texts: Callable[[pa.Table], Iterable[str]], encoder: str
) -> tuple[set[str], set[str]]:
    """Ids of the delivery's images, and of the texts that `texts` finds in it, that have no vector by this encoder."""
    images, texts_by_id = _contents(lake, delivery, texts)
    text_ids = set(texts_by_id)
    return images - embedded_ids(lake, encoder, "image", images), text_ids - embedded_ids(
        lake, encoder, "text", text_ids
    )


def embed_contents(
    lake: Lake,
    images: Iterable[tuple[str, bytes]],
    texts: Iterable[str],
    *,
    settings: EncoderSettings,
    embedding: EmbeddingSettings,
    progress: Progress,
) -> None:
    """Embeds images, given by id and bytes, that are not the lake's, and texts, unless the lake holds their vectors.

    The images wait in a scratch file of the lake until their vectors are committed. Raises EncoderError where the
    encoder cannot be had.
    """
    encoder = encoder_identity(settings)
    texts_by_id = {text_id(text): text for text in texts}
    known_texts = embedded_ids(lake, encoder, "text", texts_by_id.keys())
    new_texts = [text for key, text in sorted(texts_by_id.items()) if key not in known_texts]
    scratch = Scratch(lake, f"contents-{uuid4().hex}")
    try:
        file = ImageFile(lake, scratch)
        image_ids = file.write(images)
        work = file.work(image_ids - embedded_ids(lake, encoder, "image", image_ids))
        work += text_work(new_texts, embedding.text_batch)
        if work:
            encode(lake, work, encoder=encoder, settings=settings, embedding=embedding, progress=progress)
    finally:
        scratch.remove()


def _contents(lake: Lake, delivery: str, texts: Callable[[pa.Table], Iterable[str]]) -> tuple[set[str], dict[str, str]]:
    """Ids of the delivery's images, and the texts asked for by their ids."""
    images: set[str] = set()
    texts_by_id: dict[str, str] = {}
    for batch in lake.batches(EXAMPLES, where={"delivery": delivery}, batch_rows=8192):
        images.update(image for image in values_or_nulls(list_members(column_of(batch, "image_ids")), str) if image)
        texts_by_id.update((text_id(text), text) for text in texts(pa.Table.from_batches([batch])))
    return images, texts_by_id
