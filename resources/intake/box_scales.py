"""On which scale the boxes of a drop's files are: told from all rows of a file and the sizes of their images."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from operator import itemgetter

import pyarrow as pa

from ops.boxes.conventions import Size
from ops.boxes.file_boxes import FileEvidence, Sizes
from ops.core.arrow import is_in, list_lengths, nullable_values, rows_where
from resources.engines.progress import Progress
from resources.engines.ray import ray_map
from resources.intake.context import Context
from resources.intake.finishing import FinishWork
from resources.intake.parsing import IMAGE_SIZES, ParsedShard


def with_scales(
    context: Context, work: Iterable[FinishWork], parsed: Sequence[ParsedShard], progress: Progress
) -> Iterator[FinishWork]:
    """The work with the scales of the boxes of each file, which all of its shards tell together."""
    sizes = _sizes(context, parsed)
    boxed = [FinishWork(s, {}, {}, frozenset(), sizes[s.name]) for s in parsed if s.name in sizes]
    evidence: dict[str, FileEvidence] = {}
    if boxed:
        parts = ray_map(partial(_weigh, context=context), boxed, progress=progress, label="Weigh boxes")
        for file, part in sorted(parts, key=itemgetter(0)):
            evidence.setdefault(file, FileEvidence()).join(part)
    scales = {file: whole.scales(context.manifest.box_convention(file)) for file, whole in evidence.items()}
    for item in work:
        shard = item.shard
        yield replace(item, sizes=sizes[shard.name], scales=scales[shard.file]) if shard.name in sizes else item


def _weigh(work: FinishWork, context: Context) -> tuple[str, FileEvidence]:
    """Runs in a worker: what the rows of a shard say, beside the name of its file."""
    table = context.scratch.read_table(f"{work.shard.name}-parsed", ["boxes", "image_ids"])
    evidence = FileEvidence()
    for boxes, images in zip(table["boxes"].to_pylist(), table["image_ids"].to_pylist(), strict=True):
        if boxes:
            evidence.add(boxes, images or [], work.sizes)
    return work.shard.file, evidence


def _sizes(context: Context, shards: Sequence[ParsedShard]) -> dict[str, Sizes]:
    """By shard with boxes, the sizes of the images of its rows with boxes. Any shard may have been the one to look at
    an image."""
    wanted = {shard.name: _boxed_images(context, shard) for shard in shards if shard.boxed}
    every = pa.array(sorted(set[str]().union(*wanted.values())), pa.string())
    sizes: dict[str, Size] = {}
    for shard in shards if len(every) else ():
        table = context.scratch.read_table(f"{shard.name}-sizes")
        kept = rows_where(table, is_in(table["image_id"], every)).to_pydict()
        columns = (kept[name] for name in IMAGE_SIZES.names)
        sizes |= {image: Size(width, height) for image, width, height in zip(*columns, strict=True)}
    return {name: {image: sizes[image] for image in images if image in sizes} for name, images in wanted.items()}


def _boxed_images(context: Context, shard: ParsedShard) -> set[str]:
    table = context.scratch.read_table(f"{shard.name}-parsed", ["boxes", "image_ids"])
    boxed = rows_where(table, pa.array(list_lengths(table["boxes"]) > 0))
    return {image for images in nullable_values(boxed, "image_ids", list[str]) for image in images or ()}
