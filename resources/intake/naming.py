"""What a delivery is called: by its files' hashes, the settings that decide rows, and the reading."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields, replace

from ops.core.identity import delivery_id, fingerprint
from ops.intake.drop import MANIFEST, MARKER, Manifest
from ops.intake.drop_files import OUTSIDE, UNFIT, DropFiles, FileInfo
from ops.intake.rows import IngestSettings
from resources.engines.progress import Progress
from resources.engines.ray import ray_map, start_ray_for

_HASH_GROUP_BYTES = 64 << 20
_HASH_GROUP_FILES = 500
# Settings that decide no row: they do not make another delivery of the same files.
_OUTSIDE_ROWS = ("watched", "shard_bytes", "max_raw_bytes")


def delivery_name(
    drop: str, hashes: Mapping[str, str], manifest: Manifest, settings: IngestSettings, reading: int | None
) -> str:
    """The delivery's name in a reading; None is that of before readings were counted. What of `drop.yaml` decides no
    row (its arrival time) and `_SUCCESS` do not count; settings that decide rows do where they are not the default, so
    that a drop is read again under other ones."""
    content = {name: value for name, value in hashes.items() if name not in (MANIFEST, MARKER)}
    deciding = replace(manifest, arrived=None, name=None)
    if deciding != Manifest():
        # A key that came later counts where it is used, so that older drops keep their deliveries' names.
        usual = Manifest()
        came_later = ("ignore_fields", "described", "boxes")
        later = [name for name in came_later if getattr(deciding, name) == getattr(usual, name)]
        content[MANIFEST] = fingerprint({name: value for name, value in asdict(deciding).items() if name not in later})
    if chosen := _row_settings(settings):
        content["assay.yaml"] = fingerprint(chosen)
    if reading is not None:
        content["reading/"] = str(reading)  # no file is called that
    return delivery_id(drop, content)


def _row_settings(settings: IngestSettings) -> dict[str, object]:
    """The settings that decide rows and are not the default: with others, the same files are another delivery."""
    default = IngestSettings()
    chosen = {f.name: getattr(settings, f.name) for f in fields(settings) if f.name not in _OUTSIDE_ROWS}
    return {name: value for name, value in chosen.items() if value != getattr(default, name)}


def hash_files(files: DropFiles, listing: Sequence[FileInfo], progress: Progress) -> dict[str, str]:
    """SHA-256 by file name; of what is not opened, why."""
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
    label = "Hash files"
    start_ray_for(len(work), most=1)
    for result in ray_map(_hash_group, work, progress=progress, label=label, weight=len):
        hashes.update(result)
    return hashes


def _hash_group(group: tuple[DropFiles, list[str]]) -> dict[str, str]:
    files, names = group
    return {name: files.sha256(name) for name in names}
