"""Contents become vectors, on Ray Data.

work -> decode workers -> encoder actors -> `embeddings`, committed every few thousand rows

Decode workers and encoder actors are processes of their own, so that the encoder never waits while cores are free. One
stream carries both images and texts: an actor's start, which loads the model, is paid once.
"""

from collections.abc import Sequence
from functools import partial

import pyarrow as pa
import pyarrow.compute as pc
import ray
from ray.data import ActorPoolStrategy, Dataset

from ops.core.schemas import EMBEDDINGS
from resources.config.encoder_settings import EmbeddingSettings, EncoderSettings
from resources.engines.progress import Progress
from resources.engines.ray import flushed, start_ray
from resources.lake.tables import Lake
from resources.models.embedding_work import Work
from resources.models.encode_workers import EncodeActor, decode
from resources.models.encoder_source import find_source
from resources.models.placement import Placement, Room, cluster_room, place_encoder

#: Rows after which vectors are committed: what a kill costs at most.
FLUSH_ROWS = 4096
#: Work for which one more encoder process repays the seconds that it takes to load.
_IMAGES_AN_ACTOR = 2000
#: Pixels that go from a decode worker to an encoder at once, at most.
_BLOCK_BYTES = 16 << 20
#: Blocks that each encoder gets at least, where there are so many batches: few large ones would leave some idle.
_BLOCKS_AN_ACTOR = 8


def encode(
    lake: Lake,
    work: Sequence[Work],
    *,
    encoder: str,
    settings: EncoderSettings,
    embedding: EmbeddingSettings,
    progress: Progress,
) -> str:
    """Embeds the work and stores the vectors under the encoder's identity; returns the device."""
    start_ray()
    room, placed = cluster_room(), place_encoder(settings)
    actors = _actors(work, placed)
    pixels = _pixels(lake, work, room, actors=actors, settings=settings, embedding=embedding)
    vectors = pixels.map_batches(
        EncodeActor,
        fn_constructor_args=(placed.settings, room.threads(actors)),
        compute=ActorPoolStrategy(size=actors),
        batch_size=max(embedding.image_batch, embedding.text_batch),
        batch_format="pyarrow",
        # Never for as much as a decode task: Ray would make one operator of the two and decode in the actors.
        **(placed.needs or {"num_cpus": room.encoder_share(actors)}),
    )
    total = sum(piece.rows for piece in work)
    for rows in flushed(vectors, every=FLUSH_ROWS, progress=progress, label="Embed images and texts", total=total):
        _store(lake, encoder, rows)
    return placed.settings.device


def _actors(work: Sequence[Work], placed: Placement) -> int:
    if placed.on_gpu:
        return placed.most
    return max(1, min(placed.most, round(sum(piece.weight for piece in work) / _IMAGES_AN_ACTOR)))


def _pixels(
    lake: Lake,
    work: Sequence[Work],
    room: Room,
    *,
    actors: int,
    settings: EncoderSettings,
    embedding: EmbeddingSettings,
) -> Dataset:
    """The decoded images, and the texts, as the encoders take them."""
    preprocessing = find_source(settings).preprocessing
    pieces = ray.data.from_items(list(work), override_num_blocks=min(len(work), 4 * room.whole))
    # Ray joins blocks until they have 128 MB, some 900 images: the encoder would wait for the first and finish the last
    # alone.
    image_bytes = 3 * preprocessing.height * preprocessing.width
    share = sum(len(piece.images) for piece in work) * image_bytes // (_BLOCKS_AN_ACTOR * actors)
    pieces.context.target_max_block_size = min(_BLOCK_BYTES, max(share, embedding.image_batch * image_bytes))
    return pieces.map_batches(
        partial(decode, lake=lake, preprocessing=preprocessing, at_once=embedding.image_batch),  # pyright: ignore[reportArgumentType]
        batch_size=1,
        batch_format="numpy",
        num_cpus=room.decode_share,
    )


def _store(lake: Lake, encoder: str, rows: pa.Table) -> None:
    for modality in ("image", "text"):
        chosen = rows.filter(pc.field("modality") == modality)
        if chosen.num_rows:
            chosen = chosen.append_column("encoder", pa.repeat(encoder, chosen.num_rows))
            staged = lake.stage(EMBEDDINGS, chosen, {"encoder": encoder, "modality": modality})
            lake.commit_new(EMBEDDINGS, staged, key="content_id")
