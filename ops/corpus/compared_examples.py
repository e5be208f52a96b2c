"""SFT examples as semantic duplicates are looked for: what must be equal, what is embedded, where the whole lies."""

from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa

from ops.core.arrow import (
    AnyArray,
    list_members,
    list_parents,
    rows_of,
    struct_values,
    whole,
    with_column,
)
from ops.core.identity import digest, text_id
from ops.core.json_values import Cell
from ops.core.spherical import nearest_few
from ops.core.stored import StoredExample
from ops.core.turns import message_text
from ops.core.vectors import unit
from ops.corpus.vectors import matrix
from ops.text.likeness import MOST_PIECES, deciding, is_compared, pieces, points_sideways
from ops.text.turn_rows import dialogue_key

READ = ("delivery", "example_id", "content_id", "messages", "image_ids", "repairs")
"""What of an example is read."""
PROBES = 2
"""Clusters in which an example is compared: its nearest, and the next, for what lies on the other side of a border."""
COMPARED = pa.schema(
    [
        *((name, pa.string()) for name in ("delivery", "example_id", "content_id")),
        ("repairs", pa.int32()),
        *((name, pa.string()) for name in ("dialogue_key", "decides")),
        ("sideways", pa.bool_()),
        ("texts", pa.list_(pa.string())),
        ("image_ids", pa.list_(pa.string())),
        ("pieces", pa.list_(pa.struct([("slot", pa.int32()), ("at", pa.int32()), ("content_id", pa.string())]))),
    ]
)
"""`decides` names what must be equal, `texts` are compared by their vectors, `pieces` are what of these is embedded:
the text's `slot`, the place `at` which it stands there, and its id. `sideways` says that a mirrored picture is another.
"""


def compared_examples(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Batches of READ as batches of COMPARED, without examples of which a message is too long to be compared."""
    for batch in batches:
        rows = [row for example in rows_of(batch, StoredExample) if (row := _compared(example)) is not None]
        yield pa.RecordBatch.from_pylist(rows, schema=COMPARED)


def _compared(example: StoredExample) -> dict[str, Cell] | None:
    messages = example["messages"] or ()
    role_texts = [(message["role"], message_text(message)) for message in messages]
    texts = [text for role, text in role_texts if is_compared(role, text)]
    text_pieces = [pieces(text) for text in texts]
    if any(len(parts) > MOST_PIECES for parts in text_pieces):
        return None
    images = example["image_ids"] or []
    decides = [str(len(images)), *(digest(*deciding(role, text)) for role, text in role_texts)]
    return {
        "delivery": example["delivery"],
        "example_id": example["example_id"],
        "content_id": example["content_id"],
        "image_ids": images,
        "repairs": len(example["repairs"] or ()),
        "dialogue_key": dialogue_key(images, messages),
        "decides": digest(*decides),
        "sideways": any(points_sideways(text) for text in texts),
        "texts": texts,
        "pieces": [
            {"slot": slot, "at": at, "content_id": text_id(piece)}
            for slot, parts in enumerate(text_pieces)
            for at, piece in enumerate(parts)
        ],
    }


def with_clusters(batches: Iterable[pa.RecordBatch], *, centres: np.ndarray) -> Iterator[pa.RecordBatch]:
    """The batches (with `picture_vectors` and `piece_vectors`) with the nearest centres of each row, `clusters`, and
    their cosines, `nearness`; all is one cluster where there are no centres (0, 0)."""
    for batch in batches:
        # Where all is one cluster, nothing need be near it.
        vectors = whole_vectors(batch) if len(centres) else np.zeros((batch.num_rows, 0))
        clusters, nearness = nearest_few(vectors, centres, PROBES)
        clustered = with_column(batch, "clusters", pa.array(clusters.tolist(), pa.list_(pa.int32())))
        yield with_column(clustered, "nearness", pa.array(nearness.tolist(), pa.list_(pa.float64())))


def whole_vectors(rows: pa.Table | pa.RecordBatch) -> np.ndarray:
    """One unit vector an example (n, 2 d): the mean of its pictures beside the mean of its texts."""
    pictures = _means(whole(rows, "picture_vectors"), 0)
    texts = _means(whole(rows, "piece_vectors"), pictures.shape[1])
    return unit(np.concatenate([pictures, texts], axis=1))


def _means(parts: AnyArray, width: int) -> np.ndarray:
    """The mean, at length 1, of the unit vectors of each list (n, d); zeros, `width` wide where all are empty."""
    owner = list_parents(parts)
    if not len(owner):
        return np.zeros((len(parts), width))
    vectors, _ = matrix(struct_values(list_members(parts), "vector"))
    starts = np.flatnonzero(np.diff(owner, prepend=-1))
    sums = np.zeros((len(parts), vectors.shape[1]))
    sums[owner[starts]] = np.add.reduceat(unit(vectors), starts, axis=0)
    return unit(sums)
