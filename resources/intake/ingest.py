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
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ops.core.log import Log, Row
from ops.core.schemas import BOXES, DROPS, EXAMPLES, IMAGES, PREFERENCES, PROMPTS, QUARANTINE
from ops.formats.manifests.registry import descriptions
from ops.formats.registry import all_formats
from ops.formats.shard_rows import INTERNAL
from ops.intake.drop import Manifest, check_finished, check_name, data_files, read_manifest
from ops.intake.drop_files import DropError, DropFiles, FileInfo
from ops.intake.reading import READING
from ops.intake.rows import IngestSettings
from ops.text.turn_rows import TURN_TABLES, turns_of
from resources.engines.progress import Progress
from resources.engines.ray import ray_map, start_ray_for
from resources.engines.ray_types import cluster_cores
from resources.intake.arrivals import Delivery, arrived_before, older_reading, record_arrival, recorded
from resources.intake.box_scales import with_scales
from resources.intake.claims import begin_claims
from resources.intake.context import Context
from resources.intake.finishing import FinishedShard, FinishWork, finish_shard
from resources.intake.naming import delivery_name, hash_files
from resources.intake.parsing import FileShard, ParsedShard, Verdict, parse_shard, read_result
from resources.intake.planning import FilePlan, plan_file
from resources.intake.repeats import column_hashes, repeats
from resources.lake.scratch import InflatedFiles, Scratch
from resources.lake.tables import Lake
from resources.storage.drops import drop_files

#: Bytes of a drop that are read in this process where no Ray runs.
_BYTES_HERE = 32 << 20


class ConservationError(RuntimeError):
    """Rows in are not rows kept plus rows quarantined: a fault of ingest itself, which then commits nothing."""


def ingest(
    lake: Lake, path: str | Path, drop: str, *, settings: IngestSettings, progress: Progress, unchanged: str = ""
) -> Delivery:
    """The drop at `path` (a folder or an fsspec URL) as a delivery of the lake under the name `drop`. `unchanged` names
    a delivery of an older reading: where the files are no longer those, it stays as it is and nothing is read.

    Raises `DropError` where there is nothing to take in, or where files change meanwhile."""
    check_name(drop)
    files = drop_files(path)
    listing = files.listing()
    manifest = _manifest(files, listing)
    check_finished(listing)
    if not data_files(listing):
        raise DropError(f"drop {drop}: no file that may hold rows among the {len(listing)} files of {files.root}")
    hashes = hash_files(files, listing, progress)
    named = partial(delivery_name, drop, hashes, manifest, settings)
    older = older_reading(lake, drop, named)
    if unchanged and older != unchanged:
        return recorded(Log.of(lake.read(DROPS, where={"delivery": unchanged})).rows[-1])
    delivery = named(READING)
    before = arrived_before(lake, drop, delivery)
    if before:
        return before
    start_ray_for(sum(info.size for info in listing), most=_BYTES_HERE)
    scratch = Scratch(lake, delivery)
    files = replace(files, inflated=InflatedFiles(scratch))
    context = Context(lake, files, drop, delivery, manifest, settings, scratch)
    try:
        return _take(context, listing, hashes, progress, rereads=older)
    except FileNotFoundError as error:
        # Another process that takes in the same drop came first, and tidied up.
        before = arrived_before(lake, drop, delivery)
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
    taken = record_arrival(context, counts, reading=READING, rereads=rereads)
    context.scratch.remove()
    return taken


def _manifest(files: DropFiles, listing: Sequence[FileInfo]) -> Manifest:
    manifest = replace(read_manifest(files), described=descriptions(files, listing))
    unknown = sorted(set(manifest.format.values()) - set(all_formats()))
    if unknown:
        raise DropError(f"drop.yaml: format {unknown[0]!r} is not known; known are {', '.join(sorted(all_formats()))}")
    return manifest


def _plans(context: Context, data: Sequence[FileInfo], progress: Progress) -> list[FilePlan]:
    cores = max(1, int(cluster_cores()))
    share = sum(info.size for info in data) // (4 * cores)
    shard_bytes = min(context.settings.shard_bytes, max(share, 1 << 16))
    plan = partial(plan_file, context=context, shard_bytes=shard_bytes)
    plans = list(ray_map(plan, data, progress=progress, label="Read the files' formats"))
    return sorted(plans, key=lambda plan: plan.file)


def _parse(context: Context, plans: Sequence[FilePlan], progress: Progress) -> list[ParsedShard]:
    shards = [FileShard(plan, shard) for plan in plans for shard in plan.shards]
    done = [result for shard in shards if (result := read_result(shard, context))]
    names = {result.name for result in done}
    claims = begin_claims(context.delivery, {result.name: list(result.verdicts) for result in done})
    missing = [shard for shard in shards if shard.name not in names]
    parse = partial(parse_shard, context=context, claims=claims)
    label = "Check rows and images"
    done += ray_map(parse, missing, progress=progress, label=label, weight=lambda result: result.rows_in)
    claims.end()
    order = {shard.name: n for n, shard in enumerate(shards)}
    return sorted(done, key=lambda result: order[result.name])


def _finish(context: Context, parsed: Sequence[ParsedShard], progress: Progress) -> list[FinishedShard]:
    verdicts: dict[str, Verdict] = {}
    for shard in parsed:
        verdicts.update((image, verdict) for image, verdict in shard.verdicts.items() if verdict)
    tables = (context.scratch.read_table(f"{shard.name}-parsed", ["source_id", "content_id"]) for shard in parsed)
    hashed = [column_hashes(table) for table in tables]
    occurrences = repeats([source * np.uint64(31) ^ content for source, content in hashed])
    same_ids = repeats([source for source, _ in hashed])
    del hashed
    work = (_finish_work(context, shard, verdicts, occurrences[n], same_ids[n]) for n, shard in enumerate(parsed))
    work = with_scales(context, work, parsed, progress)
    order = {shard.name: n for n, shard in enumerate(parsed)}
    finish = partial(finish_shard, context=context)
    label = "Write the tables"
    finished = ray_map(
        finish, work, progress=progress, label=label, weight=lambda shard: shard.kept + shard.quarantined
    )
    return sorted(finished, key=lambda shard: order[shard.name])


def _finish_work(
    context: Context,
    shard: ParsedShard,
    verdicts: Mapping[str, Verdict],
    occurrences: Mapping[int, int],
    same_ids: Mapping[int, int],
) -> FinishWork:
    if not (verdicts or occurrences or same_ids):
        return FinishWork(shard, {}, {}, frozenset())
    table = context.scratch.read_table(f"{shard.name}-parsed", ["row", "image_ids"])
    rows = table["row"].to_numpy()
    images = {image for image in pc.list_flatten(table["image_ids"]).unique().to_pylist() if image}
    return FinishWork(
        shard,
        {image: verdicts[image] for image in sorted(images & verdicts.keys())},
        {int(rows[at]): count for at, count in occurrences.items()},
        frozenset(int(rows[at]) for at in same_ids),
    )


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
    counts: list[Row] = []
    for plan in plans:
        broken = int(plan.problem is not None)
        rows_in = broken + sum(shard.rows_in for shard in parsed if shard.file == plan.file)
        mine = [shard for shard in finished if shard.file == plan.file]
        kept, quarantined = sum(s.kept for s in mine), broken + sum(s.quarantined for s in mine)
        rows = [file.rows for shard in mine for spec in (EXAMPLES, QUARANTINE) for file in shard.staged[spec.name]]
        staged = sum(rows) + broken
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
    lake.append(IMAGES, [file for shard in parsed for file in shard.staged])
    broken = [
        {"delivery": delivery, "file": plan.file, "row": 0, "reason": plan.problem[0], "detail": plan.problem[1]}
        for plan in plans
        if plan.problem
    ]
    unread = lake.stage(QUARANTINE, pa.Table.from_pylist(broken, schema=QUARANTINE.schema), {"delivery": delivery})
    # The examples last: where they are committed, so is all that belongs to them.
    for spec in (QUARANTINE, BOXES, PREFERENCES, PROMPTS, *TURN_TABLES, EXAMPLES):
        staged = [file for shard in finished for file in shard.staged[spec.name]]
        once = turns_of(delivery) if spec in TURN_TABLES else delivery
        lake.commit(spec, [*staged, *(unread if spec is QUARANTINE else ())], once=once)
