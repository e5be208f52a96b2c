"""Takes a drop into the lake: rows and images checked and staged by Ray tasks, committed here.

1. Every file is hashed; the hashes name the delivery. A delivery that has arrived before is left alone.
2. Data files are split into shards. Each shard is parsed by one task, which writes its rows to scratch, decodes and
   stages those images that no other shard has claimed, and says what it found. What is finished is kept, so that a
   run after a crash goes on from there.
3. With every image judged and every repeat counted, a second task a shard stages examples, preferences,
   prompts and quarantine. Shards are cut anywhere and finish in any order; the tables are the same.
4. The driver commits images, quarantine, preferences, prompts and examples, each once, then the `drops` row.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import ray
from numpy.typing import NDArray
from pandas.util import hash_array
from ray.exceptions import RayActorError

from ops.core.identity import delivery_id, fingerprint
from ops.core.log import Log, Row, successor
from ops.core.schemas import BOXES, DROPS, EXAMPLES, IMAGES, PREFERENCES, PROMPTS, QUARANTINE
from ops.formats.manifests.registry import descriptions
from ops.formats.registry import all_formats
from ops.formats.shard_rows import INTERNAL
from ops.intake.drop import MANIFEST, MARKER, Manifest, check_finished, check_name, data_files, read_manifest
from ops.intake.drop_files import OUTSIDE, UNFIT, DropError, DropFiles, FileInfo, open_drop
from ops.intake.reading import READING, is_older
from ops.intake.rows import IngestSettings
from resources.engines.progress import Progress
from resources.engines.ray import ray_map, start_ray
from resources.intake.box_scales import with_scales
from resources.intake.shards import (
    Claims,
    Context,
    FilePlan,
    FinishedShard,
    FinishWork,
    ParsedShard,
    PlanWork,
    ShardWork,
    finish_shard,
    hash_files,
    parse_shard,
    plan_file,
    read_result,
)
from resources.lake.scratch import InflatedFiles, Scratch
from resources.lake.tables import Lake

_HASH_GROUP_BYTES = 64 << 20
_HASH_GROUP_FILES = 500
# Settings that decide no row: they do not make another delivery of the same files.
_OUTSIDE_ROWS = ("watched", "shard_bytes", "max_raw_bytes")


@dataclass(frozen=True, slots=True)
class Delivery:
    """What arrived: its name and its rows. `fresh` is false where it had arrived before."""

    drop: str
    delivery: str
    rows_in: int
    rows_kept: int
    rows_quarantined: int
    fresh: bool


class ConservationError(RuntimeError):
    """Rows in are not rows kept plus rows quarantined: a fault of ingest itself, which then commits nothing."""


def ingest(
    lake: Lake, path: str | Path, drop: str, *, settings: IngestSettings, progress: Progress, unchanged: str = ""
) -> Delivery:
    """The drop at `path` (a folder or an fsspec URL) as a delivery of the lake under the name `drop`. `unchanged` names
    a delivery of an older reading: where the files are no longer those, it stays as it is and nothing is read.

    Raises `DropError` where there is nothing to take in, or where files change meanwhile."""
    check_name(drop)
    files = open_drop(path)
    listing = files.listing()
    manifest = _manifest(files, listing)
    check_finished(listing)
    if not data_files(listing):
        raise DropError(f"drop {drop}: no file that may hold rows among the {len(listing)} files of {files.root}")
    start_ray()
    hashes = _hashes(files, listing, progress)
    named = partial(_name, drop, hashes, manifest, settings)
    older = _older_reading(lake, drop, named)
    if unchanged and older != unchanged:
        return _recorded(Log.of(lake.read(DROPS, where={"delivery": unchanged})).rows[-1])
    delivery = named(READING)
    before = _arrived(lake, drop, delivery)
    if before:
        return before
    scratch = Scratch(lake, delivery)
    files = replace(files, inflated=InflatedFiles(scratch))
    context = Context(lake, files, drop, delivery, manifest, settings, scratch)
    try:
        return _take(context, listing, hashes, progress, rereads=older)
    except FileNotFoundError as error:
        # Another process that takes in the same drop came first, and tidied up.
        before = _arrived(lake, drop, delivery)
        if before:
            return before
        raise DropError(
            f"drop {drop}: {error.filename or error} went away meanwhile; if another process takes in the same drop, "
            "wait for it, and run again"
        ) from error


def alarm(lake: Lake, delivery: str) -> str | None:
    """What the summary of a run says where Assay itself failed in rows of the delivery."""
    wanted = {"delivery": delivery, "reason": INTERNAL}
    rows = lake.read(QUARANTINE, where=wanted, columns=["file", "row", "detail"]).to_pylist()
    if not rows:
        return None
    kinds = Counter(str(row["detail"]).partition(":")[0] for row in rows).most_common(3)
    named = ", ".join(f"{kind} {count}" for kind, count in kinds)
    return (
        f"Assay itself failed in {len(rows)} rows of {delivery} ({named}; first in {rows[0]['file']}, row "
        f"{rows[0]['row']}): they lie in quarantine as {INTERNAL}; report this fault with one of them"
    )


def _take(
    context: Context,
    listing: Sequence[FileInfo],
    hashes: Mapping[str, str],
    progress: Progress,
    *,
    rereads: str | None,
) -> Delivery:
    data = [info for info in data_files(listing) if info.name not in context.manifest.described.manifests]
    plans = _plans(context, data, progress)
    parsed = _parse(context, plans, progress)
    _check_unchanged(context.files, listing)
    finished = _finish(context, parsed, progress)
    counts = _counts(plans, parsed, finished, hashes)
    if not sum(count["rows_in"] for count in counts):
        names = ", ".join(info.name for info in data)[:300]
        raise DropError(f"drop {context.drop}: there is not one row in {names}")
    _commit(context, plans, parsed, finished)
    taken = _log(context, counts, rereads)
    context.scratch.remove()
    return taken


def _manifest(files: DropFiles, listing: Sequence[FileInfo]) -> Manifest:
    manifest = replace(read_manifest(files), described=descriptions(files, listing))
    unknown = sorted(set(manifest.format.values()) - set(all_formats()))
    if unknown:
        raise DropError(f"drop.yaml: format {unknown[0]!r} is not known; known are {', '.join(sorted(all_formats()))}")
    return manifest


def _name(
    drop: str, hashes: Mapping[str, str], manifest: Manifest, settings: IngestSettings, reading: int | None
) -> str:
    """The delivery's name in a reading; None is that of before readings were counted. What of `drop.yaml` decides no
    row (its arrival time) and `_SUCCESS` do not count; settings that decide rows do where they are not the default, so
    that a drop is read again under other ones."""
    content = {name: value for name, value in hashes.items() if name not in (MANIFEST, MARKER)}
    said = replace(manifest, arrived=None, name=None)
    if said != Manifest():
        # A key that came later counts where it is used, so that older drops keep their deliveries' names.
        later = [
            name for name in ("ignore_fields", "described", "boxes") if getattr(said, name) == getattr(Manifest(), name)
        ]
        content[MANIFEST] = fingerprint({name: value for name, value in asdict(said).items() if name not in later})
    if chosen := _row_settings(settings):
        content["assay.yaml"] = fingerprint(chosen)
    if reading is not None:
        content["reading/"] = str(reading)  # no file is called that
    return delivery_id(drop, content)


def _row_settings(settings: IngestSettings) -> dict[str, Any]:
    """The settings that decide rows and are not the default: with others, the same files are another delivery."""
    default = IngestSettings()
    chosen = {f.name: getattr(settings, f.name) for f in fields(settings) if f.name not in _OUTSIDE_ROWS}
    return {name: value for name, value in chosen.items() if value != getattr(default, name)}


def _hashes(files: DropFiles, listing: Sequence[FileInfo], progress: Progress) -> dict[str, str]:
    groups: list[list[FileInfo]] = [[]]
    size = 0
    for info in listing:
        if info.stamp in (OUTSIDE, UNFIT):
            continue
        if groups[-1] and (size + info.size > _HASH_GROUP_BYTES or len(groups[-1]) >= _HASH_GROUP_FILES):
            groups.append([])
            size = 0
        groups[-1].append(info)
        size += info.size
    hashes = {info.name: info.stamp for info in listing if info.stamp in (OUTSIDE, UNFIT)}
    work = [(files, [info.name for info in group]) for group in groups]
    for result in ray_map(hash_files, work, progress=progress, label="Hash files", weight=len):
        hashes.update(result)
    return hashes


def _arrived(lake: Lake, drop: str, delivery: str) -> Delivery | None:
    """The delivery, where it had arrived before. One that comes again after another of its drop is the last again."""
    row = Log.of(lake.read(DROPS, where={"delivery": delivery})).last
    if row is None:
        return None
    lake.log(DROPS, lambda log: _again(log, drop, delivery))
    return _recorded(row)


def _recorded(row: Row) -> Delivery:
    """A delivery of the lake, as it is."""
    counts = (row[name] for name in ("rows_in", "rows_kept", "rows_quarantined"))
    return Delivery(row["drop"], row["delivery"], *counts, fresh=False)


def _older_reading(lake: Lake, drop: str, named: Callable[[int | None], str]) -> str | None:
    """The drop's last delivery that was the same bytes, under the same settings, in an older reading."""
    rows = Log.of(lake.read(DROPS, where={"drop": drop})).rows
    older = [row for row in rows if is_older(row["reading"]) and named(row["reading"]) == row["delivery"]]
    return older[-1]["delivery"] if older else None


def _again(log: Log, drop: str, delivery: str) -> list[Row]:
    arrivals = log.where(drop=drop, state="arrived")
    if arrivals.rows[-1]["delivery"] == delivery:
        return []
    return [successor(arrivals.first_by("delivery")[delivery], at=datetime.now(UTC))]


def _plans(context: Context, data: Sequence[FileInfo], progress: Progress) -> list[FilePlan]:
    cores = max(1, int(ray.cluster_resources().get("CPU", 1)))
    share = sum(info.size for info in data) // (4 * cores)
    shard_bytes = min(context.settings.shard_bytes, max(share, 1 << 16))
    work = [PlanWork(context, info, shard_bytes) for info in data]
    plans = list(ray_map(plan_file, work, progress=progress, label="Read the files' formats"))
    return sorted(plans, key=lambda plan: plan.file)


def _parse(context: Context, plans: Sequence[FilePlan], progress: Progress) -> list[ParsedShard]:
    work = [ShardWork(context, plan, shard) for plan in plans for shard in plan.shards]
    done = [result for item in work if (result := read_result(item))]
    names = {result.name for result in done}
    claims = _begun(context, {result.name: list(result.verdicts) for result in done})
    left = [replace(item, claims=claims) for item in work if item.name not in names]
    label = "Check rows and images"
    done += ray_map(parse_shard, left, progress=progress, label=label, weight=lambda result: result.rows_in)
    claims.end.remote(context.delivery)
    order = {item.name: n for n, item in enumerate(work)}
    return sorted(done, key=lambda result: order[result.name])


def _begun(context: Context, done: Mapping[str, list[str]]) -> Any:
    """The actor that knows of this ingest."""
    here = ray.get_runtime_context()
    session = f"{here.get_node_id()} {here.get_job_id()}"
    try:
        claims = _claims(session)
        ray.get(claims.begin.remote(context.delivery, context.lake, done))
    except RayActorError:  # killed for good, as `ray kill` does it
        _claims.cache_clear()
        claims = _claims(session)
        ray.get(claims.begin.remote(context.delivery, context.lake, done))
    return claims


@cache
def _claims(ray_session: str) -> Any:
    """The actor of this Ray session: a new one for each ingest would cost the start of a process each time."""
    return ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=-1)(Claims).remote()


def _finish(context: Context, parsed: Sequence[ParsedShard], progress: Progress) -> list[FinishedShard]:
    verdicts: dict[str, Any] = {}
    for shard in parsed:
        verdicts.update((image, verdict) for image, verdict in shard.verdicts.items() if verdict)
    # Of each row the driver holds two hashes, 16 bytes; a drop may have tens of millions of them.
    hashed = [_hashed(context.scratch.read_table(f"{s.name}-parsed", ["source_id", "content_id"])) for s in parsed]
    occurrences = _repeats([source * np.uint64(31) ^ content for source, content in hashed])
    same_ids = _repeats([source for source, _ in hashed])
    del hashed
    work = (_finish_work(context, shard, verdicts, occurrences[n], same_ids[n]) for n, shard in enumerate(parsed))
    work = with_scales(context, work, parsed, progress)
    order = {shard.name: n for n, shard in enumerate(parsed)}
    finished = ray_map(
        finish_shard, work, progress=progress, label="Write the tables", weight=lambda f: f.kept + f.quarantined
    )
    return sorted(finished, key=lambda shard: order[shard.name])


def _finish_work(
    context: Context,
    shard: ParsedShard,
    verdicts: Mapping[str, Any],
    occurrences: Mapping[int, int],
    same_ids: Mapping[int, int],
) -> FinishWork:
    if not (verdicts or occurrences or same_ids):
        return FinishWork(context, shard, {}, {}, frozenset())
    table = context.scratch.read_table(f"{shard.name}-parsed", ["row", "image_ids"])
    rows = table["row"].to_numpy()
    shown = {image for image in pc.list_flatten(table["image_ids"]).unique().to_pylist() if image}
    return FinishWork(
        context,
        shard,
        {image: verdicts[image] for image in sorted(shown & verdicts.keys())},
        {int(rows[at]): count for at, count in occurrences.items()},
        frozenset(int(rows[at]) for at in same_ids),
    )


def _hashed(table: pa.Table) -> list[NDArray[np.uint64]]:
    """64 bits of each value, by column."""
    texts = [column.to_numpy() for column in table.columns]
    return [np.asarray(hash_array(t), np.uint64) for t in texts]  # pyright: ignore[reportArgumentType, reportCallIssue]


def _repeats(keys: Sequence[NDArray[np.uint64]]) -> list[dict[int, int]]:
    """For each shard, the positions whose key came earlier in the drop and how often it had come."""
    ordered = np.sort(np.concatenate([*keys, np.array([], np.uint64)]))
    repeated = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
    seen: Counter[int] = Counter()
    found: list[dict[int, int]] = []
    for shard in keys:
        found.append({})
        for at in np.flatnonzero(np.isin(shard, repeated)):
            key = int(shard[at])
            if seen[key]:
                found[-1][int(at)] = seen[key]
            seen[key] += 1
    return found


def _check_unchanged(files: DropFiles, listing: Sequence[FileInfo]) -> None:
    before, after = set(listing), set(files.listing())
    if before != after:
        changed = sorted(info.name for info in before ^ after)
        raise DropError(f"{changed[0]} changed while the drop was read; run again once the upload has ended")


def _counts(
    plans: Sequence[FilePlan],
    parsed: Sequence[ParsedShard],
    finished: Sequence[FinishedShard],
    hashes: Mapping[str, str],
) -> list[dict[str, Any]]:
    """Rows in, kept and quarantined by file. Raises `ConservationError` where they do not add up."""
    counts = []
    for plan in plans:
        broken = int(plan.problem is not None)
        rows_in = broken + sum(shard.rows_in for shard in parsed if shard.file == plan.file)
        mine = [shard for shard in finished if shard.file == plan.file]
        kept, quarantined = sum(s.kept for s in mine), broken + sum(s.quarantined for s in mine)
        staged = sum(file.rows for shard in mine for file in (*shard.examples, *shard.quarantine)) + broken
        if not rows_in == kept + quarantined == staged:
            raise ConservationError(
                f"{plan.file}: {rows_in} rows in, {kept} kept, {quarantined} quarantined, {staged} staged; "
                "nothing was committed"
            )
        counts.append(
            {
                "file": plan.file,
                "sha256": hashes[plan.file],
                "rows_in": rows_in,
                "rows_kept": kept,
                "rows_quarantined": quarantined,
            }
        )
    return counts


def _commit(
    context: Context, plans: Sequence[FilePlan], parsed: Sequence[ParsedShard], finished: Sequence[FinishedShard]
) -> None:
    lake, delivery = context.lake, context.delivery
    lake.commit_new(IMAGES, [file for shard in parsed for file in shard.staged], key="image_id")
    broken = [
        {"delivery": delivery, "file": plan.file, "row": 0, "reason": plan.problem[0], "detail": plan.problem[1]}
        for plan in plans
        if plan.problem
    ]
    unread = lake.stage(QUARANTINE, pa.Table.from_pylist(broken, schema=QUARANTINE.schema), {"delivery": delivery})
    lake.commit(QUARANTINE, [*(f for s in finished for f in s.quarantine), *unread], once=delivery)
    lake.commit(BOXES, [file for shard in finished for file in shard.boxes], once=delivery)
    lake.commit(PREFERENCES, [file for shard in finished for file in shard.preferences], once=delivery)
    lake.commit(PROMPTS, [file for shard in finished for file in shard.prompts], once=delivery)
    lake.commit(EXAMPLES, [file for shard in finished for file in shard.examples], once=delivery)


def _log(context: Context, counts: Sequence[Mapping[str, Any]], rereads: str | None) -> Delivery:
    totals = {name: sum(count[name] for count in counts) for name in ("rows_in", "rows_kept", "rows_quarantined")}
    row = {
        "at": datetime.now(UTC),
        "drop": context.drop,
        "delivery": context.delivery,
        "source": context.files.root,
        "state": "arrived",
        **totals,
        "files": list(counts),
        "licence": context.manifest.licence,
        "gate_results": None,
        "reading": READING,
        "rereads": rereads,
    }

    def once(log: Log) -> list[Row]:
        return [] if context.delivery in log.last_by("delivery") else [row]

    fresh = bool(context.lake.log(DROPS, once))
    return Delivery(context.drop, context.delivery, *totals.values(), fresh=fresh)
