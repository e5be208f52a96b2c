"""The tasks of an ingest, each safe to repeat: hash files, plan a file, parse a shard, finish a shard."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import chain, islice
from typing import Any

import numpy as np
import pyarrow as pa
import ray
from numpy.typing import NDArray
from ray.exceptions import RayActorError

from ops.boxes.file_boxes import FileScale, Sizes, box_table
from ops.core.canonical import image_key, query_key, response_key
from ops.core.identity import digest, example_id
from ops.core.printable import printable
from ops.core.schemas import BOXES, EXAMPLES, IMAGES, PREFERENCES, PROMPTS, QUARANTINE
from ops.formats.containers.contract import Limits, Probe, Record, Shard
from ops.formats.contract import Format
from ops.formats.registry import all_formats, container_of, format_of, reading
from ops.formats.shard_rows import PARSED, REFUSED, ImageReader, Outcome, outcomes
from ops.intake.drop import Manifest
from ops.intake.drop_files import OUTSIDE, UNFIT, DropError, DropFiles, FileInfo, plain_name
from ops.intake.image_checks import check_image
from ops.intake.row import RowError
from ops.intake.rows import IngestSettings
from resources.lake.scratch import InflatedFiles, Scratch
from resources.lake.tables import Lake, StagedFile

IMAGE_SIZES = pa.schema([IMAGES.schema.field(name) for name in ("image_id", "width_px", "height_px")])
_PROBED_RECORDS = 50
_CHUNK_ROWS = 512
_CHUNK_BYTES = 32 << 20


@dataclass(frozen=True, slots=True)
class Context:
    """What every task of an ingest knows."""

    lake: Lake
    files: DropFiles
    drop: str
    delivery: str
    manifest: Manifest
    settings: IngestSettings
    scratch: Scratch


@dataclass(frozen=True, slots=True)
class PlanWork:
    """A file to look into."""

    context: Context
    file: FileInfo
    shard_bytes: int


@dataclass(frozen=True, slots=True)
class FilePlan:
    """How a file is read; or the problem with it, a reason code and a detail."""

    file: str
    container: str = ""
    format: str = ""
    shards: tuple[Shard, ...] = ()
    problem: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class ShardWork:
    """A shard to parse. `claims` is the actor that says which shard stages an image; without it this one stages all
    that it sees."""

    context: Context
    plan: FilePlan
    shard: Shard
    claims: Any = None

    @property
    def name(self) -> str:
        return digest(self.shard.file, str(self.shard.start), str(self.shard.stop))


@dataclass(frozen=True, slots=True)
class ParsedShard:
    """What parsing a shard gave. `verdicts` has the images it was the first to see: null where nothing is peculiar,
    the repairs, or the problem."""

    name: str
    file: str
    rows_in: int
    parsed: int
    refused: int
    boxed: int
    staged: tuple[StagedFile, ...]
    verdicts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FinishWork:
    """A parsed shard, with what only the whole drop could tell: verdicts on its images, the occurrence number of rows
    that repeat an earlier one, the rows whose id was seen before, and of boxes the sizes of their images and how the
    file's notations are read."""

    context: Context
    shard: ParsedShard
    verdicts: Mapping[str, Any]
    occurrences: Mapping[int, int]
    same_id: frozenset[int]
    sizes: Sizes = field(default_factory=dict)
    scales: Mapping[str, FileScale] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FinishedShard:
    """The staged rows of a shard."""

    name: str
    file: str
    kept: int
    quarantined: int
    examples: tuple[StagedFile, ...]
    preferences: tuple[StagedFile, ...]
    prompts: tuple[StagedFile, ...]
    boxes: tuple[StagedFile, ...]
    quarantine: tuple[StagedFile, ...]


@dataclass(slots=True)
class _Claimed:
    """The claims of one ingest: the shard that owns each image, and the images that were in the lake before, sorted."""

    owners: dict[str, str]
    known: NDArray[np.bytes_]


class Claims:
    """Which shard is to check and stage an image: the first that asks. An actor that serves one ingest after another;
    asked again by the same shard, as a task run twice does, it gives the same answer.

    Nothing depends on what it remembers: an actor that was killed begins anew with the next question, and an image
    that two shards then stage is committed once."""

    def __init__(self) -> None:
        self.ingests: dict[str, _Claimed] = {}

    def begin(self, delivery: str, lake: Lake, done: Mapping[str, list[str]]) -> None:
        """An ingest begins. `done` has the images of shards that an earlier run of it finished."""
        owners = {image: shard for shard, images in done.items() for image in images}
        columns = [batch.column(0).cast(pa.string()) for batch in lake.batches(IMAGES, columns=["image_id"])]
        known = [column.to_numpy(zero_copy_only=False).astype("S64") for column in columns]
        self.ingests[delivery] = _Claimed(owners, np.sort(np.concatenate([*known, np.array([], "S64")])))

    def claim(self, delivery: str, lake: Lake, shard: str, image_ids: list[str]) -> tuple[list[str], list[str]]:
        """Of these images, those that the shard must check, and of them those that are not in the lake yet."""
        if delivery not in self.ingests:
            self.begin(delivery, lake, {})
        claimed = self.ingests[delivery]
        mine = [image for image in image_ids if claimed.owners.setdefault(image, shard) == shard]
        wanted = np.array(mine, "S64")
        places = np.searchsorted(claimed.known, wanted)
        absent = [
            image
            for image, key, place in zip(mine, wanted, places, strict=True)
            if place == len(claimed.known) or claimed.known[place] != key
        ]
        return mine, absent

    def process(self) -> int:
        """The process it lives in."""
        return os.getpid()

    def end(self, delivery: str) -> None:
        """The ingest has every shard."""
        self.ingests.pop(delivery, None)


def hash_files(work: tuple[DropFiles, list[str]]) -> dict[str, str]:
    """SHA-256 by file name."""
    files, names = work
    return {name: files.sha256(name) for name in names}


def plan_file(work: PlanWork) -> FilePlan:
    """Container, format and shards of a file. Whatever a reader raises on a hostile file is a problem of that file."""
    context, file = work.context, work.file.name
    limits = _limits(context.settings)
    if work.file.stamp == OUTSIDE:
        return FilePlan(file, problem=("path_outside_drop", "a link that leaves the drop, or no file at all"))
    if work.file.stamp == UNFIT:
        return FilePlan(file, problem=("file_name", "this is its name with what is unfit escaped; it was not opened"))
    try:
        if isinstance(context.files.inflated, InflatedFiles):
            context.files.inflated.keep(context.files, file, expansion=limits.expansion, block_bytes=work.shard_bytes)
        probe = Probe(plain_name(file), context.files.head(file))
        container = container_of(probe)
        if container is None:
            return FilePlan(file, problem=("file_unrecognised", f"starts {probe.head[:40]!r}"))
        shards = container.split(context.files, file, work.shard_bytes, limits)
        records = chain.from_iterable(container.read(context.files, shard, limits) for shard in shards)
        probed = _probed(records)
    except RowError as problem:
        return FilePlan(file, problem=(problem.reason, printable(problem.detail)))
    except DropError:
        raise
    except Exception as error:
        return FilePlan(file, problem=("file_unreadable", printable(f"{type(error).__name__}: {error}"[:500])))
    named = context.manifest.format_of(file)
    form = all_formats().get(named) if named else _detected(context.manifest, file, probed)
    if form is None and probed:
        seen = ", ".join(sorted(probed[0]))[:200]
        return FilePlan(file, problem=("file_unrecognised", printable(f"{container.title} with the fields {seen}")))
    return FilePlan(file, container.name, form.name if form else next(iter(all_formats())), tuple(shards))


def _detected(manifest: Manifest, file: str, probed: Sequence[Mapping[str, Any]]) -> Format | None:
    return format_of(probed, ignored=manifest.ignored(file), said=manifest.said_of(file))


def _probed(records: Iterator[Record]) -> list[dict[str, Any]]:
    """The fields of a file's first records. Where the file breaks behind some of them, its shard says so, with these
    read."""
    probed: list[dict[str, Any]] = []
    try:
        for record in islice(records, _PROBED_RECORDS):
            if record.fields:
                probed.append(record.fields)
    except DropError:
        raise
    except Exception:
        if not probed:
            raise
    return probed


def read_result(work: ShardWork) -> ParsedShard | None:
    """What an earlier run found in a shard, if it came to its end. Staged files that are gone were committed since."""
    found = work.context.scratch.read_result(work.name)
    if found is None:
        return None
    staged = [StagedFile(**file) for file in found.pop("staged")]
    return ParsedShard(**found, staged=tuple(f for f in staged if work.context.scratch.exists(f.path)))


def parse_shard(work: ShardWork) -> ParsedShard:
    """Reads, checks and stages; see `ParsedShard`."""
    reader = _ShardReader(work)
    staged = work.context.lake.stage(IMAGES, reader.images(), {})
    scratch = work.context.scratch
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

    def __init__(self, work: ShardWork) -> None:
        self.work = work
        self.rows_in = 0
        self.parsed: list[pa.RecordBatch] = []
        self.refused: list[pa.RecordBatch] = []
        self.boxed = 0
        self.verdicts: dict[str, Any] = {}
        self.sizes: list[dict[str, Any]] = []

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
        context, plan = self.work.context, self.work.plan
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
                said=context.manifest.said_of(plan.file),
            ),
            dataset=context.manifest.dataset(plan.file),
            images=ImageReader(context.files, folders, context.settings),
            settings=context.settings,
        )

    def _checked(self, fresh: Mapping[str, bytes]) -> Iterator[pa.RecordBatch]:
        mine, absent = _claim(self.work, list(fresh))
        rows: list[dict[str, Any]] = []
        wanted = set(absent)
        for image in mine:
            try:
                facts = check_image(fresh[image], self.work.context.settings)
            except RowError as problem:
                self.verdicts[image] = {"reason": problem.reason, "detail": printable(problem.detail)}
                continue
            self.verdicts[image] = list(facts.repairs) or None
            self.sizes.append({"image_id": image, "width_px": facts.width_px, "height_px": facts.height_px})
            if image in wanted:
                described = {name: getattr(facts, name, None) for name in IMAGES.schema.names}
                rows.append(described | {"image_id": image, "bytes": fresh[image]})
        if rows:
            yield _batch(rows, IMAGES.schema)


def _claim(work: ShardWork, images: list[str]) -> tuple[list[str], list[str]]:
    """See `Claims.claim`. Without an actor, or with one that is gone for good, the shard takes them all: what another
    takes as well is committed once."""
    if work.claims is None:
        return images, images
    try:
        return ray.get(work.claims.claim.remote(work.context.delivery, work.context.lake, work.name, images))
    except RayActorError:
        return images, images


def finish_shard(work: FinishWork) -> FinishedShard:
    """Stages the examples, preferences, prompts and quarantined rows of a shard."""
    context = work.context
    parsed = context.scratch.read_table(f"{work.shard.name}-parsed")
    problems = _problems(parsed, work)
    kept = parsed.filter(pa.array([n not in problems for n in range(parsed.num_rows)], pa.bool_()))
    examples = _examples(kept, work)
    chosen = context.manifest.box_convention(work.shard.file)
    boxes = box_table(kept, examples, sizes=work.sizes, scales=work.scales, chosen=chosen)
    quarantine = _quarantine(parsed, problems, work)
    partition = {"delivery": context.delivery}
    lake = context.lake
    return FinishedShard(
        work.shard.name,
        work.shard.file,
        examples.num_rows,
        quarantine.num_rows,
        tuple(lake.stage(EXAMPLES, examples, partition)),
        tuple(lake.stage(PREFERENCES, _preferences(kept, examples), partition)),
        tuple(lake.stage(PROMPTS, _prompts(kept, examples), partition)),
        tuple(lake.stage(BOXES, boxes, partition)),
        tuple(lake.stage(QUARANTINE, quarantine, partition)),
    )


def _problems(parsed: pa.Table, work: FinishWork) -> dict[int, tuple[str, str]]:
    """Rows of the table that may not be kept, with the reason."""
    bad = {image: verdict for image, verdict in work.verdicts.items() if isinstance(verdict, dict)}
    problems: dict[int, tuple[str, str]] = {}
    if bad:
        for n, images in enumerate(_values(parsed, "image_ids")):
            found = next((bad[image] for image in images if image in bad), None)
            if found:
                problems[n] = (found["reason"], found["detail"])
    if work.same_id and work.context.settings.duplicate_ids == "quarantine":
        for n, row in enumerate(_values(parsed, "row")):
            if row in work.same_id:
                problems.setdefault(n, ("duplicate_id", ""))
    return problems


def _examples(kept: pa.Table, work: FinishWork) -> pa.Table:
    context = work.context
    rows, sources, contents = (_values(kept, name) for name in ("row", "source_id", "content_id"))
    ids = [
        example_id(context.drop, source, content, work.occurrences.get(row, 0))
        for row, source, content in zip(rows, sources, contents, strict=True)
    ]
    provenance = pa.StructArray.from_arrays(
        [pa.array([work.shard.file] * len(rows), pa.string()), pa.array(rows, pa.int64())], ["file", "row"]
    )
    made = {
        "drop": pa.array([context.drop] * len(rows), pa.string()),
        "delivery": pa.array([context.delivery] * len(rows), pa.string()),
        "example_id": pa.array(ids, pa.string()),
        "repairs": _repairs(kept, work),
        "provenance": provenance,
    }
    columns = [made[name] if name in made else kept[name] for name in EXAMPLES.schema.names]
    return pa.table(columns, schema=EXAMPLES.schema)


def _repairs(kept: pa.Table, work: FinishWork) -> pa.Array | pa.ChunkedArray:
    notes = {image: verdict for image, verdict in work.verdicts.items() if isinstance(verdict, list)}
    if not notes and not work.same_id:
        return kept["repairs"]
    built = []
    for row, repairs, images in zip(*(kept[n].to_pylist() for n in ("row", "repairs", "image_ids")), strict=True):
        more = {code for image in images for code in notes.get(image, ())}
        built.append(sorted({*repairs, *more, *(["duplicate_id"] if row in work.same_id else [])}))
    return pa.array(built, pa.list_(pa.string()))


def _preferences(kept: pa.Table, examples: pa.Table) -> pa.Table:
    columns = (
        kept["judgements"],
        kept["query"],
        *(examples[n] for n in ("example_id", "delivery", "dataset", "image_ids")),
    )
    rows: list[dict[str, Any]] = []
    for judgements, query, example, delivery, dataset, images in zip(*(c.to_pylist() for c in columns), strict=True):
        if not judgements:
            continue
        shared = {
            "delivery": delivery,
            "example_id": example,
            "dataset": dataset,
            "image_ids": images,
            "query": query,
            "image_key": image_key(images),
            "query_key": query_key(query),
        }
        rows += [_judgement(n, judgement, shared) for n, judgement in enumerate(judgements)]
    return pa.Table.from_pylist(rows, schema=PREFERENCES.schema)


def _prompts(kept: pa.Table, examples: pa.Table) -> pa.Table:
    names = ("delivery", "example_id", "dataset", "image_ids")
    columns = (kept["prompt"], kept["query"], *(examples[name] for name in names))
    rows: list[dict[str, Any]] = []
    for prompt, query, *shared in zip(*(c.to_pylist() for c in columns), strict=True):
        if prompt:
            row = {**dict(zip(names, shared, strict=True)), **prompt, "query": query}
            rows.append({**row, "image_key": image_key(row["image_ids"]), "query_key": query_key(query)})
    return pa.Table.from_pylist(rows, schema=PROMPTS.schema)


def _judgement(number: int, judgement: Mapping[str, Any], shared: Mapping[str, Any]) -> dict[str, Any]:
    opponent = judgement["opponent"]
    return {
        **shared,
        **judgement,
        "judgement_id": digest(shared["example_id"], str(number)),
        "response_key": response_key(judgement["response"]),
        "opponent_key": None if opponent is None else response_key(opponent),
    }


def _quarantine(parsed: pa.Table, problems: Mapping[int, tuple[str, str]], work: FinishWork) -> pa.Table:
    refused = work.context.scratch.read_table(f"{work.shard.name}-refused").to_pylist()
    for n, (reason, detail) in problems.items():
        row = {name: parsed[name][n].as_py() for name in ("row", "source_id", "raw")}
        refused.append({**row, "reason": reason, "detail": detail})
    whole = [{**row, "delivery": work.context.delivery, "file": work.shard.file} for row in refused]
    return pa.Table.from_pylist(sorted(whole, key=lambda row: row["row"]), schema=QUARANTINE.schema)


def _chunks(found: Iterator[Outcome]) -> Iterator[list[Outcome]]:
    chunk: list[Outcome] = []
    size = 0
    for outcome in found:
        chunk.append(outcome)
        size += sum(map(len, outcome.images.values())) + len((outcome.refused or {}).get("raw") or "")
        if len(chunk) >= _CHUNK_ROWS or size >= _CHUNK_BYTES:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def _values(table: pa.Table, name: str) -> list[Any]:
    return table[name].to_pylist()


def _batch(rows: list[Any], schema: pa.Schema) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist(rows, schema=schema)


def _limits(settings: IngestSettings) -> Limits:
    return Limits(settings.max_row_bytes, settings.max_expansion)
