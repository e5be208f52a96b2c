"""The content of a version laid out for an export: pictures as files, rows as one scratch file a shard."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ops.core.arrow import (
    Column,
    column_of,
    compare,
    distinct_values,
    either,
    is_in,
    is_valid,
    kept_where,
    rows_where,
    values_or_nulls,
    whole,
)
from ops.core.schemas import BOXES, EXAMPLES, IMAGES, PREFERENCES, PROMPTS
from ops.decision.versions import Version
from ops.exports.contract import PREFERENCE, PROMPT
from ops.exports.plan import Plan
from ops.exports.sink import UNFINISHED
from ops.intake.loss_weights import LOSS_WEIGHTS, loss_weights
from resources.engines.progress import Progress
from resources.export.pictures import PictureEndings, pictures_of, write_pictures
from resources.export.spool import Routes, Spool, row_numbers
from resources.lake.tables import Lake

_COLUMNS = ("example_id", "source_id", "drop", "dataset", "messages", "image_ids", "metadata")
_LOSSES = pa.list_(pa.float64())
_BOX = tuple(name for name in BOXES.schema.names if name not in ("delivery", "evidence"))
_JUDGEMENT = ("example_id", "response", "label", "rating", "rating_scale")


_PROMPT = ("example_id", "ground_truth", "is_json", "style", "data_source", "extra", "rollouts")


@dataclass(frozen=True, slots=True)
class Content:
    """Where the laid out content lies: `rows`, `judgements` and `prompts` hold a file a shard, `places` its places in
    order, and `pictures` the folder `images`."""

    scratch: Path
    pictures: Path

    @property
    def rows(self) -> Path:
        """Examples as they stand in the lake, with the endings of their pictures' names."""
        return self.scratch / "rows"

    @property
    def judgements(self) -> Path:
        """Labels and ratings of responses; a shard without any has no file."""
        return self.scratch / "judgements"

    @property
    def prompts(self) -> Path:
        """What prompts of RL have beside their conversation."""
        return self.scratch / "prompts"

    @property
    def boxes(self) -> Path:
        """The boxes of the examples, where the export has a scale for them."""
        return self.scratch / "boxes"

    @property
    def places(self) -> Path:
        """Rows of `ops.exports.plan.PLACES`."""
        return self.scratch / "places"


def lay_out(
    lake: Lake,
    version: Version,
    planned: Plan,
    *,
    folder: Path,
    pictures_beside: bool,
    with_boxes: bool,
    progress: Progress,
) -> Content:
    """Lay out what the shards need, in one pass over each table. What an earlier attempt finished is kept.

    Raises ExportError where an example or a picture of the version is not in the lake.
    """
    whole = _whole(folder)
    content = Content(whole.parent, folder if pictures_beside else whole.parent)
    if whole.exists():
        return content
    for scratch in (content.rows, content.judgements, content.prompts, content.boxes, content.places):
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir(parents=True)
    for shard, places in planned.shards:
        with pa.OSFile(str(content.places / shard.name), "wb") as sink, pa.ipc.new_stream(sink, places.schema) as file:
            file.write_table(places)
    routes = Routes.of(planned)
    where = {"delivery": list(version.row["deliveries"])}
    pictures = pictures_of(lake, where, routes)
    write_pictures(lake, pictures.pictures(content.pictures), progress)
    _sort_examples(lake, where, Spool(content.rows, routes), pictures, progress)
    if any(shard.kind == PREFERENCE for shard, _ in planned.shards):
        _sort_judgements(lake, where, Spool(content.judgements, routes))
    if any(shard.kind == PROMPT for shard, _ in planned.shards):
        _sort_prompts(lake, where, Spool(content.prompts, routes))
    if with_boxes:
        _sort_boxes(lake, where, Spool(content.boxes, routes))
    whole.write_text(str(len(pictures)))
    return content


def promised_pictures(folder: Path) -> int | None:
    """How many pictures were laid out for the export in the folder; None where nothing had to be."""
    whole = _whole(folder)
    return int(whole.read_text()) if whole.exists() and whole.stat().st_size else None


def _whole(folder: Path) -> Path:
    """The file that says that the content is laid out whole, and how many pictures it has."""
    return folder / UNFINISHED / "content" / "whole"


def _sort_examples(
    lake: Lake, where: Mapping[str, Any], spool: Spool, pictures: PictureEndings, progress: Progress
) -> None:
    with progress.track("Sort rows into shards", len(spool.routes.ids)) as advance:
        for batch in lake.batches(EXAMPLES, where=where, columns=_COLUMNS):
            rows, example = spool.routes.select(batch)
            wanted = _with_losses(pa.Table.from_batches([batch]).take(row_numbers(rows)))
            spool.add(pictures.append_to(wanted), example)
            advance(len(rows))
        spool.close()


def _with_losses(examples: pa.Table) -> pa.Table:
    """The examples with the weights of their turns in place of the metadata that keeps them."""
    place = examples.column_names.index("metadata")
    # Most metadata has no weights in it, and is not made a Python text.
    weighed: Any = pc.match_substring(examples["metadata"], LOSS_WEIGHTS)
    texts = values_or_nulls(kept_where(examples["metadata"], weighed), str)
    kept = [None if text is None else loss_weights(text) for text in texts]
    return examples.set_column(place, "losses", pa.array(kept, _LOSSES))


def _sort_judgements(lake: Lake, where: Mapping[str, Any], spool: Spool) -> None:
    for batch in lake.batches(PREFERENCES, where=where, columns=_JUDGEMENT):
        labelled = is_in(column_of(batch, "label"), pa.array(["good", "bad"]))
        judged = rows_where(batch, either(labelled, is_valid(column_of(batch, "rating"))))
        rows, example = spool.routes.select(judged)
        spool.add(pa.Table.from_batches([judged]).take(row_numbers(rows)), example)
    spool.close()


def _sort_prompts(lake: Lake, where: Mapping[str, Any], spool: Spool) -> None:
    for batch in lake.batches(PROMPTS, where=where, columns=_PROMPT):
        rows, example = spool.routes.select(batch)
        spool.add(pa.Table.from_batches([batch]).take(row_numbers(rows)), example)
    spool.close()


def _sort_boxes(lake: Lake, where: Mapping[str, Any], spool: Spool) -> None:
    """The boxes, each with whether EXIF turns or mirrors its picture."""
    for batch in lake.batches(BOXES, where=where, columns=_BOX):
        rows, example = spool.routes.select(batch)
        boxes = pa.Table.from_batches([batch]).take(row_numbers(rows))
        spool.add(boxes.append_column("is_turned", _are_turned(lake, boxes["image_id"])), example)
    spool.close()


def _are_turned(lake: Lake, image_ids: Column) -> Column:
    wanted = distinct_values(image_ids).drop_null()
    images = lake.read(IMAGES, columns=["image_id", "exif_orientation"], where={"image_id": wanted})
    turned = rows_where(images, compare(images["exif_orientation"], ">", 1))
    return is_in(image_ids, whole(turned, "image_id"))
