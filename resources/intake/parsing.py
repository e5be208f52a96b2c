"""A shard of a file becomes rows that wait in scratch, and images that are staged."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field

import pyarrow as pa

from ops.core.arrow import column_values
from ops.core.arrow_types import fields
from ops.core.identity import digest
from ops.core.printable import printable
from ops.core.schemas import IMAGES
from ops.formats.containers.contract import Shard
from ops.formats.registry import reading
from ops.formats.shard_rows import PARSED, REFUSED, ImageReader, Outcome, outcomes
from ops.intake.image_checks import check_image
from ops.intake.row import RowError
from resources.intake.claims import ClaimsOf, OwnClaims
from resources.intake.context import Context
from resources.intake.planning import FilePlan
from resources.lake.staged import StagedFile

IMAGE_SIZES = pa.schema(fields(IMAGES.schema, "image_id", "width_px", "height_px"))
_CHUNK_ROWS = 512
_CHUNK_BYTES = 32 << 20

Verdict = list[str] | dict[str, str] | None
"""What is to be said of an image: nothing, the repairs it took, or its problem, a `reason` and a `detail`."""


@dataclass(frozen=True, slots=True)
class FileShard:
    """A shard of a file that is to be parsed."""

    plan: FilePlan
    shard: Shard

    @property
    def name(self) -> str:
        """What its results are called in scratch."""
        return digest(self.shard.file, str(self.shard.start), str(self.shard.stop))


@dataclass(frozen=True, slots=True)
class ParsedShard:
    """What parsing a shard gave. `verdicts` has the images it was the first to see."""

    name: str
    file: str
    rows_in: int
    parsed: int
    refused: int
    boxed: int
    staged: tuple[StagedFile, ...]
    verdicts: Mapping[str, Verdict] = field(default_factory=dict[str, Verdict])


def read_result(work: FileShard, context: Context) -> ParsedShard | None:
    """What an earlier run made of a shard, if it came to its end. Staged files that are gone were committed since."""
    result = context.scratch.read_result(work.name)
    if result is None:
        return None
    staged = [StagedFile(**file) for file in result.pop("staged")]
    return ParsedShard(**result, staged=tuple(file for file in staged if context.scratch.exists(file.path)))


def parse_shard(work: FileShard, context: Context, claims: ClaimsOf | OwnClaims | None = None) -> ParsedShard:
    """Reads, checks and stages; see `ParsedShard`. `claims` says which shard stages an image; without it this one
    stages all that it sees."""
    reader = _ShardReader(work, context, claims)
    staged = context.lake.stage(IMAGES, reader.images(), {})
    scratch = context.scratch
    scratch.write_table(f"{work.name}-parsed", reader.parsed, PARSED)
    scratch.write_table(f"{work.name}-refused", reader.refused, REFUSED)
    parsed, refused = (sum(b.num_rows for b in batches) for batches in (reader.parsed, reader.refused))
    scratch.write_table(f"{work.name}-sizes", [_batch(reader.sizes, IMAGE_SIZES)], IMAGE_SIZES)
    result = ParsedShard(
        work.name, work.plan.file, reader.rows_in, parsed, refused, reader.boxed, tuple(staged), reader.verdicts
    )
    scratch.write_result(work.name, asdict(result))
    return result


class _ShardReader:
    """Streams the images to stage, chunk of rows by chunk, and keeps the rows, compact, on the way."""

    def __init__(self, work: FileShard, context: Context, claims: ClaimsOf | OwnClaims | None) -> None:
        self.work = work
        self.context = context
        self.claims = claims
        self.rows_in = 0
        self.parsed: list[pa.RecordBatch] = []
        self.refused: list[pa.RecordBatch] = []
        self.boxed = 0
        self.verdicts: dict[str, Verdict] = {}
        self.sizes: list[dict[str, object]] = []

    def images(self) -> Iterator[pa.RecordBatch]:
        for chunk in _chunks(self._outcomes()):
            self.rows_in += len(chunk)
            rows = [outcome.parsed for outcome in chunk if outcome.parsed]
            self.boxed += sum(bool(row["boxes"]) for row in rows)
            self.parsed.append(_batch(rows, PARSED))
            self.refused.append(_batch([o.refused for o in chunk if o.refused], REFUSED))
            fresh: dict[str, bytes] = {}
            for outcome in chunk:
                fresh.update(outcome.images)
            if fresh:
                yield from self._checked(fresh)

    def _outcomes(self) -> Iterator[Outcome]:
        context, plan = self.context, self.work.plan
        folder = plan.file.rpartition("/")[0]
        places = [f"{base}/{inner}".strip("/") or "." for base in (folder, "") for inner in ("", "images")]
        folders = tuple(dict.fromkeys([*context.manifest.folders(plan.file), *places]))
        return outcomes(
            context.files,
            self.work.shard,
            container=plan.container,
            form=reading(
                plan.format,
                named=context.manifest.format_of(plan.file) is not None,
                ignored=context.manifest.ignored(plan.file),
                described=context.manifest.description_of(plan.file),
            ),
            dataset=context.manifest.dataset(plan.file),
            images=ImageReader(context.files, folders, context.settings),
            settings=context.settings,
        )

    def _checked(self, fresh: Mapping[str, bytes]) -> Iterator[pa.RecordBatch]:
        images = list(fresh)
        checked = self.claims.claim(self.work.name, images) if self.claims else images
        rows: list[dict[str, object]] = []
        stored = self.context.lake.read(IMAGES, where={"image_id": checked}, columns=["image_id"]) if checked else None
        known = set[str]() if stored is None else set(column_values(stored, "image_id", str))
        for image in checked:
            try:
                facts = check_image(fresh[image], self.context.settings)
            except RowError as problem:
                self.verdicts[image] = {"reason": problem.reason, "detail": printable(problem.detail)}
                continue
            self.verdicts[image] = list(facts.repairs) or None
            self.sizes.append({"image_id": image, "width_px": facts.width_px, "height_px": facts.height_px})
            if image not in known:
                described = {name: getattr(facts, name, None) for name in IMAGES.schema.names}
                rows.append({**described, "image_id": image, "bytes": fresh[image]})
        if rows:
            yield _batch(rows, IMAGES.schema)


def _chunks(parsed: Iterator[Outcome]) -> Iterator[list[Outcome]]:
    chunk: list[Outcome] = []
    size = 0
    for outcome in parsed:
        chunk.append(outcome)
        size += sum(map(len, outcome.images.values())) + len((outcome.refused or {}).get("raw") or "")
        if len(chunk) >= _CHUNK_ROWS or size >= _CHUNK_BYTES:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def _batch(rows: Sequence[Mapping[str, object]], schema: pa.Schema) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist(rows, schema=schema)
