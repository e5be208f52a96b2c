"""Exporting: a published version's content, joined in and written in its order as a folder of files.

The order of a curriculum is no order of the lake, and fetching each shard's rows from the lake would read every file
once a shard. So content is laid out first, in one pass over each table: pictures as files named by their content, rows
as one scratch file a shard. Then the shards are written one by one, or side by side, each from its own scratch file.
What is in memory is one shard's texts, one row group, and what the plan holds of each place (about 200 bytes, 300 while
it is made).
"""

import json
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ops.boxes.conventions import NAMES, is_convention
from ops.core.version_schemas import CURATED, CURRICULUM
from ops.decision.curriculum import Control, control
from ops.decision.versions import Version
from ops.exports.contract import Export, ExportError, Facts, Member, Shard, ShardDone
from ops.exports.conversation import refuse_unlearned
from ops.exports.croissant import croissant
from ops.exports.datasheet import datasheet
from ops.exports.plan import Plan, plan
from ops.exports.registry import export_of
from ops.exports.sink import UNFINISHED, Sink
from resources.config.places import local_path
from resources.engines.progress import Progress
from resources.engines.ray import ray_map, start_ray
from resources.export.content import Content, lay_out, promised_pictures
from resources.export.facts import facts_of
from resources.export.members import members
from resources.export.records import MANIFEST, claimed, done_path, read_done, write_json
from resources.lake.tables import Lake
from resources.versions.publishing import version_of

DELIVERED = "delivered"
"""In place of a scale of boxes: each stays on that which it came on."""


@dataclass(frozen=True, slots=True)
class Exported:
    """An export that is whole, at its `place`. `left_out` counts rows by why they are not in it; `fresh` is False where
    it was there already. `bytes` counts the pictures as well."""

    place: str
    version: int
    format: str
    rows: dict[str, int]
    left_out: dict[str, int]
    files: int
    pictures: int
    bytes: int
    fresh: bool


@dataclass(frozen=True, slots=True)
class _Work:
    folder: Path
    export: str
    shard: Shard
    content: Content
    repeats: int
    boxes: str | None


def export_version(
    lake: Lake,
    number: int,
    *,
    to: str,
    folder: str | Path,
    progress: Progress,
    order: Control = "own",
    repeats: int = 0,
    boxes: str | None = None,
    shard_rows: int = 2000,
    workers: int = 1,
) -> Exported:
    """Write version `number` in the format `to` into `folder`, which is new, empty, or an unfinished export of the
    same; that one is continued, and a finished one is left as it is.

    `order` may be `random` or `reversed`: controls over the same rows (ops.decision.curriculum.control). `repeats` N
    makes an example of weight w stand w * N times; 0 leaves weights in a column. `boxes` is the scale that boxes are
    written on (ops.boxes.conventions), `delivered` for that which each came on; None: that of the format.

    The same version and options give the same bytes, whatever `workers` (processes, by Ray) and interruptions. Raises
    ExportError where there is no such format or content, or the folder holds something else, PlaceError where it is no
    local folder.
    """
    export, folder = export_of(to), local_path(folder, f"an export as {to}")
    version = version_of(lake, number)
    if version.state != "published":
        raise ExportError(f"version {number} is {version.state}; only a published version is exported")
    export.require()
    scale = _box_scale(boxes, export)
    options = {"order": order, "repeats": repeats, "shard_rows": shard_rows} | ({"boxes": scale} if scale else {})
    claim = {"version": number, "content": version.content, "format": to, "revision": export.revision, **options}
    done = claimed(folder, claim)
    if done:
        return _summary(folder, done, fresh=False)
    planned, left_out = _plan(lake, version, export, order=order, repeats=repeats, shard_rows=shard_rows)
    shards = _write_shards(
        lake, version, export, planned, repeats=repeats, boxes=scale, folder=folder, workers=workers, progress=progress
    )
    facts = facts_of(lake, version, order=order, repeats=repeats, left_out=left_out)
    manifest = _finish(folder, export, facts, shards, claim=claim)
    return _summary(folder, manifest, fresh=True)


def _box_scale(boxes: str | None, export: Export) -> str | None:
    """The scale that boxes are written on; None where they stay as delivered."""
    if boxes in (None, export.boxes):
        return export.boxes
    if boxes != DELIVERED and not is_convention(boxes):
        raise ExportError(f"boxes {boxes!r}: not {DELIVERED}, {NAMES}")
    return None if boxes == DELIVERED else boxes


def _plan(
    lake: Lake, version: Version, export: Export, *, order: Control, repeats: int, shard_rows: int
) -> tuple[Plan, dict[str, int]]:
    """What is written, and how many rows of the version have no place in it, by why."""
    where = {"version": version.number}
    curated = lake.read(CURATED, where=where, columns=["example_id", "kind", "weight", "soft_label"])
    ordered = lake.read(CURRICULUM, where=where, columns=["example_id", "stage", "position"])
    seed = json.loads(version.row["config"] or "{}").get("curriculum", {}).get("seed", 0)
    places = plan(curated, control(ordered, order, seed=seed), repeats=repeats, shard_rows=shard_rows)
    wanted = [(shard, rows) for shard, rows in places.shards if shard.kind in export.kinds]
    others = Counter[str]()
    for shard, _ in places.shards:
        if shard.kind not in export.kinds:
            others[f"{shard.kind}: {export.name} holds {' and '.join(export.kinds)} alone"] += shard.rows
    light = {kind: count for kind, count in places.without_place.items() if kind in export.kinds}
    return Plan(wanted, light), others | {f"{kind}: its weight left it no copy": n for kind, n in light.items()}


def _write_shards(
    lake: Lake,
    version: Version,
    export: Export,
    planned: Plan,
    *,
    repeats: int,
    boxes: str | None,
    folder: Path,
    workers: int,
    progress: Progress,
) -> list[ShardDone]:
    finished = {shard.name: done for shard, _ in planned.shards if (done := read_done(folder, shard))}
    waiting = [shard for shard, _ in planned.shards if shard.name not in finished]
    if waiting:
        content = lay_out(
            lake,
            version,
            planned,
            folder=folder,
            pictures_beside=export.pictures_beside,
            with_boxes=boxes is not None,
            progress=progress,
        )
        work = [_Work(folder, export.name, shard, content, repeats, boxes) for shard in waiting]
        for done in _run(work, workers, progress):
            finished[done.shard.name] = done
    return [finished[shard.name] for shard, _ in planned.shards]


def _run(work: Sequence[_Work], workers: int, progress: Progress) -> Iterator[ShardDone]:
    label = f"Write {work[0].export}"
    if workers > 1:
        start_ray(num_cpus=workers)
        yield from ray_map(_write_shard, work, progress=progress, label=label, weight=lambda done: done.shard.rows)
        return
    with progress.track(label, sum(item.shard.rows for item in work)) as advance:
        for item in work:
            yield _write_shard(item)
            advance(item.shard.rows)


def _write_shard(work: _Work) -> ShardDone:
    """Write one shard and its record; running it again writes the same."""
    export, sink = export_of(work.export), Sink(work.folder)
    left_out: Counter[str] = Counter()

    def accepted() -> Iterator[Member]:
        for member in members(
            work.content,
            work.shard,
            repeats=work.repeats,
            box_scale=work.boxes,
            turns_pictures=export.turns_pictures,
        ):
            unlearned = None if export.masks_answers else refuse_unlearned(member)
            reason = member.unwritable or unlearned or export.refuse(member)
            if reason is None:
                yield member
            else:
                left_out[reason] += 1

    rows = export.write(work.shard, accepted(), sink)
    if rows + left_out.total() != work.shard.rows:
        raise ExportError(
            f"{work.shard.name}: {work.shard.rows} places, {rows} rows written, {left_out.total()} left out"
        )
    done = ShardDone(work.shard, rows, dict(sorted(left_out.items())), tuple(sink.written))
    write_json(done_path(work.folder, work.shard), asdict(done))
    return done


def _finish(
    folder: Path,
    export: Export,
    facts: Facts,
    shards: Sequence[ShardDone],
    *,
    claim: Mapping[str, object],
) -> dict[str, object]:
    """Write what stands over all shards and, last of all, the manifest; then clear away the scratch files."""
    sink = Sink(folder)
    export.finish(facts, shards, sink)
    with sink.open("datasheet.md") as file:
        file.write(datasheet(facts, shards, export).encode())
    files = [file for done in shards for file in done.files] + sink.written
    pictures, picture_bytes = _beside(folder, promised_pictures(folder)) if export.pictures_beside else (0, 0)
    described = croissant(facts, files, export=export.title, pictures=pictures)
    with sink.open("croissant.json") as file:
        file.write(json.dumps(described, indent=1, ensure_ascii=False).encode())
    files.append(sink.written[-1])
    rows, left_out = Counter[str](), Counter(facts.left_out)
    for done in shards:
        rows[done.shard.kind] += done.rows
        left_out.update(done.left_out)
    manifest: dict[str, object] = {
        "export": dict(claim),
        "rows": dict(rows),
        "left_out": dict(sorted(left_out.items())),
        "pictures": {"files": pictures, "bytes": picture_bytes, "named_by": "sha256"},
        "files": {
            file.name: {"bytes": file.bytes, "sha256": file.sha256, "rows": file.rows}
            for file in sorted(files, key=lambda file: file.name)
        },
    }
    write_json(folder / MANIFEST, manifest)
    shutil.rmtree(folder / UNFINISHED)
    return manifest


def _beside(folder: Path, promised: int | None) -> tuple[int, int]:
    """How many pictures lie beside the shards, and their bytes. ExportError where these are not all that were laid
    out: what is listed is not what was written."""
    count = size = 0
    for path in (folder / "images").glob("*/*"):
        if path.name.startswith("."):  # a writer was killed at it
            path.unlink()
            continue
        count, size = count + 1, size + path.stat().st_size
    if promised not in (None, count):
        raise ExportError(
            f"{folder}/images: {promised} pictures were written, {count} are there. Remove {folder} and export again"
        )
    return count, size


def _summary(folder: Path, manifest: Mapping[str, Any], *, fresh: bool) -> Exported:
    files = manifest["files"].values()
    return Exported(
        place=str(folder),
        version=manifest["export"]["version"],
        format=manifest["export"]["format"],
        rows=manifest["rows"],
        left_out=manifest["left_out"],
        files=len(files),
        pictures=manifest["pictures"]["files"],
        bytes=sum(file["bytes"] for file in files) + manifest["pictures"]["bytes"],
        fresh=fresh,
    )
