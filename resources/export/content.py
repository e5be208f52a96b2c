"""The content of a version laid out for an export: pictures as files, rows as one scratch file a shard."""

import hashlib
import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ops.core.schemas import EXAMPLES, IMAGES, PREFERENCES
from ops.core.turns import CANDIDATE_ROLES, message_text
from ops.decision.versions import Version
from ops.exports.contract import (
    PICTURE_ENDINGS,
    PREFERENCE,
    ExportError,
    Judged,
    Member,
    Picture,
    Shard,
)
from ops.exports.plan import Plan
from ops.exports.sink import UNFINISHED
from ops.intake.row import CONTEXT, Message, Part
from resources.engines.progress import Progress
from resources.lake.lookup import KeyIndex
from resources.lake.tables import Lake

FLUSH_BYTES = 64 << 20
"""Rows held while they are sorted into shards: Arrow bytes."""
FEW_PICTURES = 4096
"""Up to so many pictures are looked up by their ids; for more, the whole table is read once."""
_COLUMNS = ("example_id", "source_id", "drop", "dataset", "messages", "image_ids")
_JUDGEMENT = ("example_id", "response", "label", "rating", "rating_scale")
_ID = re.compile(r"[0-9a-f]{64}")
_CHUNK = 256


@dataclass(frozen=True, slots=True)
class Content:
    """Where the laid out content lies: `rows` and `judgements` hold a file a shard, `places` its places in order, and
    `pictures` the folder `images`."""

    scratch: Path
    pictures: Path


def lay_out(
    lake: Lake, version: Version, planned: Plan, *, folder: Path, pictures_beside: bool, progress: Progress
) -> Content:
    """Lay out what the shards need, in one pass over each table. What an earlier attempt finished is kept.

    Raises ExportError where an example or a picture of the version is not in the lake.
    """
    scratch = folder / UNFINISHED / "content"
    content = Content(scratch, folder if pictures_beside else scratch)
    if (scratch / "whole").exists():
        return content
    for name in ("rows", "judgements", "places"):
        shutil.rmtree(scratch / name, ignore_errors=True)
        (scratch / name).mkdir(parents=True)
    for shard, places in planned.shards:
        with pa.OSFile(str(scratch / "places" / shard.name), "wb") as sink, pa.ipc.new_stream(sink, places.schema) as w:
            w.write_table(places)
    routes = Routes.of(planned)
    where = {"delivery": list(version.row["deliveries"])}
    shown = _shown(lake, where, routes)
    pictures = KeyIndex(shown)
    endings = _endings(lake, shown, pictures)
    _write_pictures(lake, content, shown, endings, progress)
    with progress.track("Sort rows into shards", len(routes.ids)) as advance:
        spool = _Spool(scratch / "rows", routes)
        for batch in lake.batches(EXAMPLES, where=where, columns=_COLUMNS):
            found = spool.add(batch, lambda rows: _with_endings(rows, pictures, endings))
            advance(found)
        spool.close()
    if any(shard.kind == PREFERENCE for shard, _ in planned.shards):
        _lay_out_judgements(lake, where, _Spool(scratch / "judgements", routes))
    (scratch / "whole").write_text(str(len(shown)))
    return content


def promised_pictures(folder: Path) -> int | None:
    """How many pictures were laid out for the export in the folder; None where nothing had to be."""
    whole = folder / UNFINISHED / "content" / "whole"
    return int(whole.read_text()) if whole.exists() and whole.stat().st_size else None


def members(content: Content, shard: Shard) -> Iterator[Member]:
    """The members of a shard in their order."""
    with pa.OSFile(str(content.scratch / "places" / shard.name), "rb") as source:
        places = pa.ipc.open_stream(source).read_all()
    rows = _read(content.scratch / "rows" / shard.name)
    judged = _judgements(content.scratch / "judgements" / shard.name)
    at = pc.index_in(places["example_id"], value_set=rows["example_id"].combine_chunks())
    for start in range(0, places.num_rows, _CHUNK):
        shown = zip(
            places.slice(start, _CHUNK).to_pylist(), rows.take(at.slice(start, _CHUNK)).to_pylist(), strict=True
        )
        for place, row in shown:
            yield _member(shard, place, row, judged.get(row["example_id"], {}), content.pictures)


@dataclass(frozen=True, slots=True)
class Routes:
    """To which shards each example goes. `starts` and `shards` are a table in compressed rows: the shards of example
    n are `shards[starts[n]:starts[n + 1]]`."""

    ids: pa.Array
    index: KeyIndex
    starts: np.ndarray
    shards: np.ndarray
    names: Sequence[str]

    @classmethod
    def of(cls, planned: Plan) -> "Routes":
        """From the places of the plan."""
        columns = [places["example_id"] for _, places in planned.shards]
        every = pa.chunked_array([chunk for column in columns for chunk in column.chunks], pa.string())
        ids = _unique(every)
        example = pc.index_in(every, value_set=ids).to_numpy().astype(np.int64)
        shard = np.repeat(np.arange(len(columns), dtype=np.int64), [len(column) for column in columns])
        width = max(1, len(columns))
        pairs = np.unique(example * width + shard)
        starts = np.searchsorted(pairs // width, np.arange(len(ids) + 1))
        return cls(ids, KeyIndex(ids), starts, pairs % width, [shard.name for shard, _ in planned.shards])

    def of_batch(self, batch: pa.RecordBatch) -> tuple[np.ndarray, np.ndarray]:
        """The batch's rows that some shard needs, and which example each is."""
        example = self.index.positions(batch.column("example_id"))
        rows = np.flatnonzero(example >= 0)
        return rows, example[rows]


@dataclass(slots=True)
class _Spool:
    """Appends rows to the files of the shards that need them, many rows at a time."""

    folder: Path
    routes: Routes
    held: list[pa.Table] = field(default_factory=list)
    shards: list[np.ndarray] = field(default_factory=list)
    size: int = 0

    def add(self, batch: pa.RecordBatch, prepare: Any = None) -> int:
        """Take the rows that are needed; returns how many."""
        rows, example = self.routes.of_batch(batch)
        if not len(rows):
            return 0
        chosen = pa.Table.from_batches([batch]).take(_at(rows))
        chosen = chosen if prepare is None else prepare(chosen)
        first, last = self.routes.starts[example], self.routes.starts[example + 1]
        copies = last - first
        # The shards of each row, one run after the other.
        within = np.arange(copies.sum()) - np.repeat(np.cumsum(copies) - copies, copies)
        self.shards.append(self.routes.shards[np.repeat(first, copies) + within])
        self.held.append(chosen.take(_at(np.repeat(np.arange(len(rows)), copies))))
        self.size += self.held[-1].nbytes
        if self.size >= FLUSH_BYTES:
            self.close()
        return len(rows)

    def close(self) -> None:
        """Write what is held."""
        if not self.held:
            return
        shard = np.concatenate(self.shards)
        order = np.argsort(shard, kind="stable")
        rows = pa.concat_tables(self.held).take(_at(order)).combine_chunks()
        numbers, starts = np.unique(shard[order], return_index=True)
        for number, start, stop in zip(numbers, starts, [*starts[1:], len(order)], strict=True):
            piece = rows.slice(start, stop - start)
            path = self.folder / self.routes.names[int(number)]
            with path.open("ab") as file, pa.ipc.new_stream(file, piece.schema) as writer:
                writer.write_table(piece)
        self.held, self.shards, self.size = [], [], 0


def _read(path: Path) -> pa.Table:
    """All rows of a file of IPC streams, one after the other."""
    tables: list[pa.Table] = []
    with path.open("rb") as file:
        size = path.stat().st_size
        while file.tell() < size:
            tables.append(pa.ipc.open_stream(file).read_all())
    return pa.concat_tables(tables)


def _shown(lake: Lake, where: Mapping[str, Any], routes: Routes) -> pa.Array:
    """Ids of the pictures that the examples show, each once, sorted. Raises ExportError where examples are missing."""
    found = 0
    ids: list[pa.Array] = [pa.array([], pa.string())]
    for batch in lake.batches(EXAMPLES, where=where, columns=["example_id", "image_ids"]):
        rows, _ = routes.of_batch(batch)
        found += len(rows)
        ids.append(pc.list_flatten(batch.column("image_ids").take(_at(rows))).unique())
    if found != len(routes.ids):
        raise ExportError(f"the version has {len(routes.ids)} examples to export, the lake holds {found} of them")
    every = _unique(pa.chunked_array(ids)).drop_null()
    return every.take(pc.sort_indices(every))


def _unique(values: pa.ChunkedArray) -> pa.Array:
    found: Any = values.unique()  # an array, whatever the stub says
    return found


def _at(rows: np.ndarray) -> pa.Int64Array:
    return pa.array(rows, pa.int64())


def _endings(lake: Lake, shown: pa.Array, pictures: KeyIndex) -> pa.Array:
    """File name ending of each picture. Raises ExportError where one is not in the lake, or where an id is no hash."""
    odd = [one for one in shown.to_pylist() if not _ID.fullmatch(str(one))]
    if odd:
        raise ExportError(f"{odd[0]!r:.80} is no image id: ids are 64 hex digits, for they name files")
    formats: list[str | None] = [None] * len(shown)
    for batch in lake.batches(IMAGES, columns=["image_id", "format"]):
        index = pictures.positions(batch.column("image_id")).tolist()
        for at, name in zip(index, batch.column("format").to_pylist(), strict=True):
            if at >= 0:
                formats[at] = PICTURE_ENDINGS.get((name or "").upper(), "img")
    missing = [shown[at].as_py() for at, name in enumerate(formats) if name is None]
    if missing:
        raise ExportError(
            f"{len(missing)} pictures of the version are not in the lake's `images`, such as {missing[0]}"
        )
    return pa.array(formats, pa.string())


def _write_pictures(lake: Lake, content: Content, shown: pa.Array, endings: pa.Array, progress: Progress) -> None:
    pairs: Any = zip(shown.to_pylist(), endings.to_pylist(), strict=True)
    every = (Picture(image_id, ending, content.pictures) for image_id, ending in pairs)
    waiting = {p.image_id: path for p in every if not (path := content.pictures / p.name).exists()}
    where = {"image_id": list(waiting)} if len(waiting) <= FEW_PICTURES else None
    for path in {path.parent for path in waiting.values()}:
        path.mkdir(parents=True, exist_ok=True)
    with progress.track("Write pictures", len(waiting)) as advance:
        if not waiting:
            return
        for batch in lake.batches(IMAGES, where=where, columns=["image_id", "bytes"], batch_rows=64):
            pictures: Any = zip(batch.column("image_id").to_pylist(), batch.column("bytes"), strict=True)
            for name, data in pictures:
                if path := waiting.pop(name, None):
                    _write_picture(path, name, data.as_buffer())
                    advance(1)
    if waiting:
        raise ExportError(
            f"{len(waiting)} pictures of the version went from the lake's `images` meanwhile, such as {min(waiting)}"
        )


def _write_picture(path: Path, image_id: str, data: pa.Buffer) -> None:
    if hashlib.sha256(data).hexdigest() != image_id:
        raise ExportError(f"the bytes of picture {image_id} do not have that hash: the lake's `images` is damaged")
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    unfinished.write_bytes(data)
    os.replace(unfinished, path)


def _with_endings(rows: pa.Table, pictures: KeyIndex, endings: pa.Array) -> pa.Table:
    ids = rows["image_ids"].combine_chunks()
    lengths: Any = pc.list_value_length(ids)
    values = endings.take(pa.array(pictures.positions(pc.list_flatten(ids)), pa.int64()))
    offsets: Any = pa.array(np.concatenate([[0], np.cumsum(lengths.fill_null(0).to_numpy())]).astype(np.int32))
    return rows.append_column("endings", pa.ListArray.from_arrays(offsets, values))


def _lay_out_judgements(lake: Lake, where: Mapping[str, Any], spool: _Spool) -> None:
    for batch in lake.batches(PREFERENCES, where=where, columns=_JUDGEMENT):
        labelled: Any = pc.is_in(batch["label"], value_set=pa.array(["good", "bad"]))
        judged: Any = pc.or_(labelled, pc.is_valid(batch["rating"]))
        spool.add(batch.filter(judged))
    spool.close()


def _judgements(path: Path) -> dict[str, dict[str, tuple[str | None, float | None]]]:
    """Label and mean rating by example and response."""
    if not path.exists():
        return {}
    found: dict[str, dict[str, list[dict[str, Any]]]] = {}
    for row in _read(path).to_pylist():
        found.setdefault(row["example_id"], {}).setdefault(row["response"], []).append(row)
    return {
        example: {response: (_label(rows), _rating(rows)) for response, rows in responses.items()}
        for example, responses in found.items()
    }


def _label(rows: Sequence[Mapping[str, Any]]) -> str | None:
    labels = [row["label"] for row in rows]
    good, bad = labels.count("good"), labels.count("bad")
    return None if good == bad else "good" if good > bad else "bad"


def _rating(rows: Sequence[Mapping[str, Any]]) -> float | None:
    ratings = [row["rating"] / (row["rating_scale"] or 1.0) for row in rows if row["rating"] is not None]
    return sum(sorted(ratings)) / len(ratings) if ratings else None


def _member(
    shard: Shard,
    place: Mapping[str, Any],
    row: Mapping[str, Any],
    judged: Mapping[str, tuple[str | None, float | None]],
    folder: Path,
) -> Member:
    endings = dict(zip(row["image_ids"] or [], row["endings"] or [], strict=True))
    pictures: list[Picture] = []
    turns: list[Message] = []
    responses: list[Judged] = []
    for message in row["messages"]:
        if message["role"] in CANDIDATE_ROLES:
            text = message_text(message)
            responses.append(Judged(text, message["role"], *judged.get(text, (None, None))))
            continue
        parts: list[Part] = []
        for part in message["parts"]:
            if part["type"] != "image":
                parts.append(Part(text=part["text"]))
                continue
            if part["image_id"] not in endings:
                raise ExportError(f"{row['example_id']}: a message shows {part['image_id']}, not among its image_ids")
            parts.append(Part(image=len(pictures)))
            pictures.append(Picture(part["image_id"], endings[part["image_id"]], folder))
        # Nothing of a preference's prompt is learned, so that an answer in it is an answer whatever loss it carried.
        role = "assistant" if message["role"] == CONTEXT and shard.kind == PREFERENCE else message["role"]
        turns.append(Message(role, tuple(parts)))
    return Member(
        kind=shard.kind,
        stage=shard.stage,
        position=place["position"],
        order=place["order"],
        copy=place["copy"],
        weight=place["weight"],
        soft_label=place["soft_label"],
        example_id=row["example_id"],
        source_id=row["source_id"],
        drop=row["drop"],
        dataset=row["dataset"],
        messages=tuple(turns),
        pictures=tuple(pictures),
        responses=tuple(responses),
    )
