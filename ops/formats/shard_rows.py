"""Reads one shard of a file into examples to be and rows refused."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypedDict

import pyarrow as pa

from ops.boxes.file_boxes import DELIVERED_BOX
from ops.core.arrow_types import fields
from ops.core.identity import canonical_json, content_id, image_id
from ops.core.json_values import Cell, Fields
from ops.core.printable import printable
from ops.core.schemas import EXAMPLES, PROMPTS, QUARANTINE
from ops.core.stored import StoredMessage
from ops.formats.boxes import with_boxes
from ops.formats.containers.contract import Limits, Record, Shard
from ops.formats.contract import Format
from ops.formats.registry import all_containers
from ops.intake.drop_files import DropError, DropFiles
from ops.intake.image_checks import name_mismatch
from ops.intake.loss_weights import with_loss_weights
from ops.intake.row import ImageRef, Message, Prompt, Row, RowError
from ops.intake.rows import IngestSettings, check_row, raw_text, readable_fields, whole_query
from ops.prompts.asked import PROMPT_FACTS, facts_of

JUDGEMENT = pa.struct(
    [
        ("response", pa.string()),
        ("label", pa.string()),
        ("opponent", pa.string()),
        ("rating", pa.float64()),
        ("rating_scale", pa.float64()),
        ("annotator", pa.string()),
    ]
)
PROMPT = pa.struct(fields(PROMPTS.schema, "ground_truth", "is_json", "style", "data_source", "extra", "rollouts"))
INTERNAL = "internal_error"
"""The reason of a row in which Assay itself failed."""
_FROM_EXAMPLES = ("content_id", "source_id", "kind", "dataset", "messages", "image_ids", "metadata", "repairs")
#: A row that is an example if its images are what they should be.
PARSED = pa.schema(
    [
        pa.field("row", pa.int64()),
        *fields(EXAMPLES.schema, *_FROM_EXAMPLES),
        pa.field("query", pa.string()),
        pa.field("judgements", pa.list_(JUDGEMENT)),
        pa.field("prompt", PROMPT),
        pa.field("boxes", pa.list_(DELIVERED_BOX)),
        pa.field("raw", pa.string()),
    ]
)
#: A row of the quarantine, without what is the same for all rows of the file.
REFUSED = pa.schema(fields(QUARANTINE.schema, "row", "source_id", "reason", "detail", "raw"))


class ParsedRow(TypedDict):
    """A row of PARSED."""

    row: int
    content_id: str
    source_id: str
    kind: str
    dataset: str
    messages: list[StoredMessage]
    image_ids: list[str]
    metadata: str
    repairs: list[str]
    query: str | None
    judgements: list[dict[str, Cell]]
    prompt: dict[str, Cell] | None
    boxes: list[dict[str, Cell]]
    raw: str | None


class RefusedRow(TypedDict):
    """A row of REFUSED."""

    row: int
    source_id: str | None
    reason: str
    detail: str
    raw: str | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one record: a row of `PARSED` with the images not seen before in this shard, or a row of
    `REFUSED`."""

    parsed: ParsedRow | None = None
    refused: RefusedRow | None = None
    images: Mapping[str, bytes] = field(default_factory=dict[str, bytes])


class ImageReader:
    """Images of a shard's rows by their id; each path is read once."""

    def __init__(self, files: DropFiles, folders: tuple[str, ...], settings: IngestSettings) -> None:
        self.files = files
        self.folders = folders
        self.settings = settings
        self.paths: dict[str, tuple[str, tuple[str, ...]]] = {}
        self.stored: set[str] = set()

    def read(self, refs: Sequence[ImageRef]) -> tuple[list[str], list[str], dict[str, bytes]]:
        """Ids of the images in order, the repairs they need, and the bytes of those not seen before."""
        ids: list[str] = []
        repairs: set[str] = set()
        fresh: dict[str, bytes] = {}
        for ref in refs:
            known = self.paths.get(ref.path) if ref.data is None else None
            if known is None:
                known = self._load(ref, fresh)
            ids.append(known[0])
            repairs.update(known[1])
        self.stored.update(fresh)
        return ids, sorted(repairs), fresh

    def _load(self, ref: ImageRef, fresh: dict[str, bytes]) -> tuple[str, tuple[str, ...]]:
        limit = self.settings.max_image_bytes
        data = ref.data
        if data is None:
            data = self.files.read_image(ref.path, self.folders, max_bytes=limit)
        elif len(data) > limit:
            raise RowError("image_bytes", f"{len(data)} bytes")
        mismatch = name_mismatch(ref.path, data)
        known = (image_id(data), (self.settings.accept("image_type_mismatch", mismatch),) if mismatch else ())
        if known[0] not in self.stored:
            fresh[known[0]] = data
        if ref.data is None:
            self.paths[ref.path] = known
        return known


def outcomes(
    files: DropFiles,
    shard: Shard,
    *,
    container: str,
    form: Format,
    dataset: str,
    images: ImageReader,
    settings: IngestSettings,
) -> Iterator[Outcome]:
    """What becomes of each record of a shard, in order. A stretch that cannot be read is one refused record."""
    limits = Limits(settings.max_row_bytes, settings.max_expansion)
    last = shard.row - 1
    try:
        for record in all_containers()[container].read(files, shard, limits):
            last = record.row
            yield _outcome(record, form, dataset=dataset, file=shard.file, images=images, settings=settings)
    except RowError as problem:
        yield Outcome(refused=_refused(Record(last + 1), None, problem, settings))
    except DropError:
        raise
    except Exception as error:
        # Readers raise nearly anything on hostile files; whatever it is, the rest of the shard cannot be read.
        detail = f"from row {last + 1} on: {type(error).__name__}: {error}"[:500]
        problem = RowError("file_unreadable", detail)
        yield Outcome(refused=_refused(Record(last + 1), None, problem, settings))


def _outcome(
    record: Record, form: Format, *, dataset: str, file: str, images: ImageReader, settings: IngestSettings
) -> Outcome:
    row = None
    try:
        if record.problem:
            raise RowError(*record.problem)
        row = with_boxes(check_row(form.parse(record.fields or {}), settings))
        ids, repairs, fresh = images.read(row.images)
        parsed = _parsed(record, row, dataset=dataset, file=file, ids=ids, repairs=repairs, settings=settings)
        return Outcome(parsed=parsed, images=fresh)
    except RowError as problem:
        return Outcome(refused=_refused(record, row, problem, settings))
    except DropError:
        raise  # not the row's fault: the drop cannot be read, and the run says so
    except Exception as error:
        return Outcome(refused=_refused(record, row, _problem(error), settings))


def _problem(error: Exception) -> RowError:
    """The reason why a row was refused that raised this. Whatever nobody thought of is a fault of Assay; it costs
    that row, never the rows behind it, and it is not kept quiet."""
    codes: dict[type[Exception], str] = {UnicodeEncodeError: "encoding", RecursionError: "too_deep"}
    code = codes.get(type(error), INTERNAL)
    return RowError(code, f"{type(error).__name__}: {error}"[:200] if code == INTERNAL else str(error)[:200])


def _parsed(
    record: Record, row: Row, *, dataset: str, file: str, ids: list[str], repairs: list[str], settings: IngestSettings
) -> ParsedRow:
    messages = [_stored(message, ids) for message in row.messages]
    about = readable_fields(with_loss_weights(row.metadata, row.messages))
    metadata = canonical_json(about if row.prompt is None else about | {PROMPT_FACTS: facts_of(row.prompt)})
    source = row.source_id if row.source_id is not None else f"{file}#{record.row}"
    metadata.encode("utf-8")  # half surrogates, which the lake cannot hold, are found here
    return {
        "row": record.row,
        "content_id": content_id(row.kind, messages, ids),
        "source_id": source,
        "kind": row.kind,
        "dataset": row.dataset or dataset,
        "messages": messages,
        "image_ids": ids,
        "metadata": metadata,
        "repairs": sorted({*row.repairs, *repairs}),
        "query": whole_query((m.role, m.text) for m in row.messages) if row.judgements or row.prompt else None,
        "judgements": [{name: getattr(judgement, name) for name in JUDGEMENT.names} for judgement in row.judgements],
        "prompt": row.prompt and _prompt(row.prompt, about),
        "boxes": [{name: getattr(box, name) for name in DELIVERED_BOX.names} for box in row.boxes],
        "raw": raw_text(record.fields, record.raw, limit=settings.max_raw_bytes) if ids else None,
    }


def _prompt(prompt: Prompt, about: Fields) -> dict[str, Cell]:
    rollouts = [{"response": rollout.response, "reward": rollout.reward} for rollout in prompt.rollouts]
    texts = {name: getattr(prompt, name) for name in ("ground_truth", "is_json", "style", "data_source")}
    return {**texts, "extra": canonical_json(dict(about)), "rollouts": rollouts}


def _stored(message: Message, ids: Sequence[str]) -> StoredMessage:
    return {
        "role": message.role,
        "parts": [
            {"type": "text", "text": part.text, "image_id": None}
            if part.image is None
            else {"type": "image", "text": None, "image_id": ids[part.image]}
            for part in message.parts
        ],
    }


def _refused(record: Record, row: Row | None, problem: RowError, settings: IngestSettings) -> RefusedRow:
    raw = None
    if record.raw is not None or record.fields is not None:
        try:
            raw = raw_text(record.fields, record.raw, limit=settings.max_raw_bytes)
        except (RecursionError, ValueError) as error:  # nested without end, or a number of too many digits
            raw = f"the row cannot be written as text: {error}"
    source = row.source_id if row is not None else _raw_id(record.fields)
    return {
        "row": record.row,
        "source_id": None if source is None else printable(source),
        "reason": problem.reason,
        "detail": printable(problem.detail),
        "raw": None if raw is None else clean(raw),
    }


def _raw_id(fields: Fields | None) -> str | None:
    value = (fields or {}).get("id")
    return str(value)[:1000] if isinstance(value, str | int) else None


def clean(text: str) -> str:
    """A text that the lake can hold: half surrogates escaped."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
