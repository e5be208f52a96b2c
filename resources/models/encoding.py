"""Contents become vectors, on Ray Data.

work -> decode workers -> encoder actors -> files of vectors, staged by workers -> receipts -> commits of `embeddings`

Decode workers and encoder actors are processes of their own, so that the encoder never waits while cores are free. One
stream carries both images and texts: an actor's start, which loads the model, is paid once. The driver sees receipts:
what it commits are names and counts.
"""

import os
import time
from collections.abc import Iterable, Iterator, Sequence
from functools import partial

import pyarrow as pa
from ray.data import ActorPoolStrategy, Dataset, TaskPoolStrategy

from ops.core.errors import EngineError
from ops.core.measure_schemas import EMBEDDINGS
from resources.config.encoder_settings import EmbeddingSettings, EncoderSettings
from resources.engines.progress import Progress
from resources.engines.ray import in_tables, start_ray_for
from resources.engines.ray_types import dataset_of, made_tables, map_batches
from resources.engines.stalls import patiently
from resources.lake.staged import StagedFile
from resources.lake.tables import Lake
from resources.models.embedding_work import Work
from resources.models.encode_workers import EncodeActor, decode, decode_piece, read_receipts, stage_vectors
from resources.models.encoder_source import find_source
from resources.models.placement import IMAGES_IN_PROCESS, Placement, Room, cluster_room, place_encoder, place_in_process

#: Vectors of a file, at most; fewer where there are few, so that progress shows and a kill costs little.
FLUSH_ROWS = 4096
_FEWEST_ROWS, _FLUSHES = 512, 8
#: Files are committed together when so many vectors are in them or so much time has passed: what a kill costs at most.
_COMMIT_ROWS, _COMMIT_S = 65_536, 60.0
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
    """Embeds the work and stores the vectors under the encoder's identity; returns the device. Little work is done in
    this process, where no Ray runs."""
    total = sum(piece.rows for piece in work)
    rows = min(FLUSH_ROWS, max(_FEWEST_ROWS, total // _FLUSHES))
    on_ray = start_ray_for(sum(piece.weight for piece in work), most=IMAGES_IN_PROCESS)
    placed = place_encoder(settings) if on_ray else place_in_process(settings)
    stage = partial(stage_vectors, lake=lake, encoder=encoder)
    if on_ray:
        vectors = _vectors(lake, work, placed, settings=settings, embedding=embedding)
        # No repartition: it asks for a whole core, which no node of one core has left beside its encoder.
        staged = map_batches(vectors, stage, batch_size=rows, batch_format="pyarrow", num_cpus=0)
        receipts = patiently(made_tables(staged))
    else:
        receipts = map(stage, in_tables(_own_vectors(lake, work, placed, embedding=embedding), every=rows))
    _commit(lake, receipts, progress=progress, total=total)
    return placed.settings.device


def _vectors(
    lake: Lake, work: Sequence[Work], placed: Placement, *, settings: EncoderSettings, embedding: EmbeddingSettings
) -> Dataset:
    """Vectors of the work, by actors."""
    room = cluster_room()
    pool = _pool(work, room, placed)
    actors = pool.min_size
    pixels = _pixels(lake, work, room, actors=actors, settings=settings, embedding=embedding)
    return map_batches(
        pixels,
        EncodeActor,
        fn_constructor_args=(placed.settings, room.threads(actors)),
        compute=pool,
        batch_size=max(embedding.image_batch, embedding.text_batch),
        batch_format="pyarrow",
        # On every node alike: where one dies, the others have room for its encoders.
        scheduling_strategy="SPREAD",
        # Never for as much as a decode task: Ray would make one operator of the two and decode in the actors.
        **(placed.needs or {"num_cpus": room.encoder_share(actors)}),
    )


def _own_vectors(
    lake: Lake, work: Sequence[Work], placed: Placement, *, embedding: EmbeddingSettings
) -> Iterator[pa.Table]:
    """Vectors of the work, by an encoder of this process."""
    encode_batch = EncodeActor(placed.settings, os.cpu_count() or 1)
    preprocessing = encode_batch.encoder.preprocessing
    for piece in work:
        decoded = decode_piece(piece, lake=lake, preprocessing=preprocessing, at_once=embedding.image_batch)
        yield from map(encode_batch, decoded)


def _pool(work: Sequence[Work], room: Room, placed: Placement) -> ActorPoolStrategy:
    """As many encoders as there is room for and work that repays their start; more as nodes come, where they come."""
    wanted = max(1, round(sum(piece.weight for piece in work) / _IMAGES_AN_ACTOR))
    now = placed.most if placed.on_gpu else min(placed.most, wanted)
    return ActorPoolStrategy(min_size=now, max_size=max(now, wanted) if room.grows else now)


def _commit(lake: Lake, receipts: Iterable[pa.Table], *, progress: Progress, total: int) -> None:
    """Commits what workers staged as their receipts come. EngineError where they are of fewer vectors than were asked
    for, or of more."""
    waiting: list[StagedFile] = []
    staged, last = 0, time.monotonic()
    with progress.track("Embed images and texts", total=total) as advance:
        for batch in receipts:
            files = read_receipts(batch)
            rows = sum(file.rows for file in files)
            advance(rows)
            waiting, staged = [*waiting, *files], staged + rows
            if sum(file.rows for file in waiting) >= _COMMIT_ROWS or time.monotonic() - last >= _COMMIT_S:
                lake.append(EMBEDDINGS, waiting)
                waiting, last = [], time.monotonic()
    lake.append(EMBEDDINGS, waiting)
    if staged != total:
        raise EngineError(f"{total:,} contents were to be embedded and vectors of {staged:,} came; run it again")


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
    pieces = dataset_of(work, blocks=min(len(work), 4 * room.whole))
    # Ray joins blocks until they have 128 MB, some 900 images: the encoder would wait for the first and finish the last
    # alone.
    image_bytes = 3 * preprocessing.height * preprocessing.width
    share = sum(len(piece.images) for piece in work) * image_bytes // (_BLOCKS_AN_ACTOR * actors)
    pieces.context.target_max_block_size = min(_BLOCK_BYTES, max(share, embedding.image_batch * image_bytes))
    return map_batches(
        pieces,
        partial(decode, lake=lake, preprocessing=preprocessing, at_once=embedding.image_batch),
        batch_size=1,
        batch_format="numpy",
        compute=TaskPoolStrategy(size=room.decoders),
        num_cpus=room.decode_share,
    )
