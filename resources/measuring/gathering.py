"""What the parts of a delivery look at beside their rows, fetched once a content and dealt to the parts: on Ray.

    part -> ids wanted, by range of ids        a task a part
    range of ids -> vectors, pictures' facts   a task a range, which alone reads these contents; a piece for each part

The pieces stay in Ray's object store, on the nodes that made them and spilled where memory is short; the driver holds
references to them, and the bank.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pyarrow as pa

from ops.audits.registry import all_audits
from ops.core.arrow import nullable_values
from ops.core.arrow_types import fields
from ops.core.identity import text_id
from ops.core.schemas import IMAGES
from ops.core.vectors import Vectors, joined
from ops.evidence.bank import choose_bank
from ops.evidence.picture_table import READ as PICTURE_COLUMNS
from ops.text.image_turns import statement_texts
from resources.engines.progress import Progress
from resources.engines.ray import ray_deal
from resources.engines.ray_types import Reference, get_all
from resources.lake.lookup import one_each
from resources.lake.parts import Part
from resources.lake.tables import Lake
from resources.measuring.examples import example_batches, source_files, wanted_texts
from resources.models.stored_vectors import load_vectors

#: Examples of which the contents are one range of ids.
_RANGE_ROWS = 20_000
_MOST_RANGES = 256
_IDS = pa.schema([("kind", pa.string()), ("content_id", pa.string())])


@dataclass(frozen=True, slots=True)
class Asked:
    """What is fetched: vectors of the encoder (none where empty) of the images and of the texts that these audits want,
    a bank of so many of each, and these columns of the images."""

    encoder: str
    audits: tuple[str, ...]
    bank_size: int
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Piece:
    """Of a part and a range of ids: vectors, and rows of `images`."""

    images: Vectors
    texts: Vectors
    facts: pa.Table


@dataclass(frozen=True, slots=True)
class Gathered:
    """Of each part references to its pieces, and how many examples with pictures it has by source file (None: of no
    named file); and the delivery's bank."""

    pieces: list[list[Reference]]
    files: list[dict[str | None, int]]
    bank_images: Vectors
    bank_texts: Vectors


NO_VECTORS = Vectors.of([], np.zeros((0, 0)))


def image_columns(*, colours: bool, pictures: bool) -> tuple[str, ...]:
    """The columns of `images` that audits of colours, and of what else ingest found in pictures, look at."""
    if pictures:
        return PICTURE_COLUMNS
    return ("image_id", "colours") if colours else ()


def gather(lake: Lake, parts: Sequence[Part], asked: Asked, *, progress: Progress) -> Gathered:
    """Fetches what the parts of `examples` want, in as many ranges of ids as there is work for."""
    rows = sum(part.rows for part in parts)
    ranges = min(_MOST_RANGES, -(-rows // _RANGE_ROWS) or 1)
    wanted = ray_deal(
        partial(_wanted, lake=lake, asked=asked, ranges=ranges),
        list(parts),
        returns=ranges,
        progress=progress,
        label="Read what audits look at",
    )
    by_range = [[refs[number] for _, refs in wanted] for number in range(ranges)]
    fetched = ray_deal(
        partial(_fetched, lake=lake, asked=asked),
        by_range,
        returns=len(parts),
        progress=progress,
        label="Gather vectors and pictures' facts",
    )
    banks = [bank for bank, _ in fetched]
    return Gathered(
        pieces=[[refs[place] for _, refs in fetched] for place in range(len(parts))],
        files=[files for files, _ in wanted],
        bank_images=choose_bank(joined([images for images, _ in banks]), asked.bank_size),
        bank_texts=choose_bank(joined([texts for _, texts in banks]), asked.bank_size),
    )


def _wanted(part: Part, *, lake: Lake, asked: Asked, ranges: int) -> tuple[dict[str | None, int], list[pa.Table]]:
    """Runs in a worker: how many examples with pictures the part has by source file, and the ids it wants by range."""
    files: Counter[str | None] = Counter()
    ids: dict[str, set[str]] = {"image": set(), "text": set(), "statement": set()}
    audits = [all_audits()[name] for name in asked.audits]
    for examples in example_batches(lake, [part]):
        pictures = nullable_values(examples, "image_ids", list[str])
        ids["image"].update(i for images in pictures for i in images or [])
        files.update(file for file, images in zip(source_files(examples), pictures, strict=True) if images)
        if asked.encoder:
            ids["text"].update(text_id(text) for text in wanted_texts(lake, examples, audits))
            ids["statement"].update(text_id(text) for text in statement_texts(examples))
    rows: list[list[tuple[str, str]]] = [[] for _ in range(ranges)]
    for kind, members in ids.items():
        for content_id in sorted(members):
            rows[_range_of(content_id, ranges)].append((kind, content_id))
    return dict(files), [_id_table(some) for some in rows]


def _id_table(rows: list[tuple[str, str]]) -> pa.Table:
    columns = [pa.array(list(values), pa.string()) for values in (zip(*rows, strict=True) if rows else ((), ()))]
    return pa.table(columns, schema=_IDS)


def _range_of(content_id: str, ranges: int) -> int:
    """Neighbouring buckets of the lake's tables are one range."""
    return int(content_id[:2], 16) * ranges // 256


def _fetched(wanted: list[Reference], *, lake: Lake, asked: Asked) -> tuple[tuple[Vectors, Vectors], list[Piece]]:
    """Runs in a worker: the range's candidates for the bank, and a piece for each part."""
    by_part = [_ids(table) for table in get_all(wanted)]
    union = {kind: set[str]().union(*(ids[kind] for ids in by_part)) for kind in ("image", "text", "statement")}
    images, texts, statements = NO_VECTORS, NO_VECTORS, NO_VECTORS
    if asked.encoder:
        images = load_vectors(lake, asked.encoder, "image", union["image"])
        every = load_vectors(lake, asked.encoder, "text", union["text"] | union["statement"])
        texts, statements = every.among(union["text"]), every.among(union["statement"])
    facts = image_facts(lake, union["image"], asked.columns)
    bank = choose_bank(images, asked.bank_size), choose_bank(statements, asked.bank_size)
    return bank, [
        Piece(images.among(ids["image"]), texts.among(ids["text"]), _facts_among(facts, ids["image"]))
        for ids in by_part
    ]


def _ids(table: pa.Table) -> dict[str, set[str]]:
    ids: dict[str, set[str]] = {"image": set(), "text": set(), "statement": set()}
    for kind, content_id in zip(*(column.to_pylist() for column in table.columns), strict=True):
        ids[kind].add(content_id)
    return ids


def image_facts(lake: Lake, image_ids: set[str], columns: Sequence[str]) -> pa.Table:
    """These columns of the images that the lake has, each once."""
    schema = pa.schema(fields(IMAGES.schema, *columns) if columns else [])
    if not columns or not image_ids:
        return schema.empty_table()
    rows = lake.read(IMAGES, where={IMAGES.key: list(image_ids)}, columns=list(columns))
    return one_each(rows, IMAGES.key)


def _facts_among(facts: pa.Table, image_ids: set[str]) -> pa.Table:
    if not facts.num_columns:
        return facts
    return facts.filter(pa.array([value in image_ids for value in facts["image_id"].to_pylist()], pa.bool_()))
