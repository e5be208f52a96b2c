"""Deliveries of drawn pictures, embedded by the mini encoder."""

import io

import numpy as np
import pyarrow as pa
from PIL import Image

from ops.core.identity import image_id
from ops.core.schemas import EXAMPLES, IMAGES
from resources.config.encoder_settings import EmbeddingSettings, EncoderSettings
from resources.engines.progress import SilentProgress
from resources.lake.tables import Lake
from resources.models.embedding import EmbedCounts, embed_delivery
from resources.models.encoder_source import encoder_identity

SETTINGS = EncoderSettings(device="cpu")
IDENTITY = encoder_identity(SETTINGS)


def drawn(seed: int) -> bytes:
    """A PNG of coloured blocks."""
    blocks = np.random.default_rng(seed).integers(0, 255, (4, 5, 3), dtype=np.uint8)
    stream = io.BytesIO()
    Image.fromarray(blocks).resize((50, 40), Image.Resampling.NEAREST).save(stream, "PNG")
    return stream.getvalue()


def add(lake: Lake, delivery: str, pictures: list[bytes], texts: list[str]) -> None:
    """A delivery of one example a picture."""
    rows = []
    for data, text in zip(pictures, texts, strict=True):
        parts = [{"type": "text", "text": text, "image_id": None}]
        message = {"role": "assistant", "parts": parts}
        rows.append({"delivery": delivery, "messages": [message], "image_ids": [image_id(data)]})
    images = [{"image_id": image_id(data), "bytes": data} for data in dict.fromkeys(pictures)]
    lake.append(IMAGES, lake.stage(IMAGES, pa.Table.from_pylist(images, schema=IMAGES.schema), {}))
    examples = pa.Table.from_pylist(rows, schema=EXAMPLES.schema)
    lake.write(EXAMPLES, examples, partition={"delivery": delivery}, once=delivery)


def answers(examples: pa.Table) -> list[str]:
    return [m["parts"][0]["text"] for messages in examples["messages"].to_pylist() for m in messages]


def embed(lake: Lake, delivery: str) -> EmbedCounts:
    return embed_delivery(
        lake, delivery, texts=answers, settings=SETTINGS, embedding=EmbeddingSettings(), progress=SilentProgress()
    )
