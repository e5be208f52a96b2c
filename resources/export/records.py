"""What an export's folder says of itself: whose it is, which shards are done, and, once it is whole, its manifest."""

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

from ops.exports.contract import ExportError, Shard, ShardDone
from ops.exports.sink import UNFINISHED, WrittenFile

MANIFEST = "manifest.json"
CLAIM = f"{UNFINISHED}/export.json"


def claimed(folder: Path, claim: Mapping[str, Any]) -> dict[str, Any] | None:
    """The manifest where the folder holds this export whole; else the folder is marked as this export's own."""
    wanted = f"version {claim['version']} as {claim['format']}"
    if folder.exists() and not folder.is_dir():
        raise ExportError(f"{folder}: is a file; an export is a folder. Name another path")
    manifest = _manifest(folder)
    begun = manifest["export"] if manifest else _json(folder / CLAIM)
    if begun is not None and begun != claim:
        differing = [key for key in claim if begun.get(key) != claim[key]]
        held = ", ".join(f"{key} {begun.get(key)} (asked: {claim[key]})" for key in differing)
        raise ExportError(f"{folder}: holds another export: {held}. Name a new folder for {wanted}, or remove this one")
    if manifest is not None:
        shutil.rmtree(folder / UNFINISHED, ignore_errors=True)  # left where the end was cut off
        return manifest
    if begun is None:
        if folder.exists() and any(folder.iterdir()):
            raise ExportError(f"{folder}: is not empty and holds no export. Export {wanted} to a new folder")
        (folder / UNFINISHED).mkdir(parents=True)
        write_json(folder / CLAIM, claim)
    return None


def done_path(folder: Path, shard: Shard) -> Path:
    """Where the record of a finished shard lies."""
    return folder / UNFINISHED / "done" / f"{shard.name}.json"


def read_done(folder: Path, shard: Shard) -> ShardDone | None:
    """The record of a shard that is finished and whose files are still there."""
    record = _json(done_path(folder, shard))
    if record is None:
        return None
    files = tuple(WrittenFile(**file) for file in record["files"])
    paths = [(folder / file.name, file.bytes) for file in files]
    whole = all(path.is_file() and path.stat().st_size == size for path, size in paths)
    if not whole or record["shard"] != asdict(shard):
        return None
    return ShardDone(shard, record["rows"], record["left_out"], files)


def _manifest(folder: Path) -> dict[str, Any] | None:
    manifest = _json(folder / MANIFEST)
    return manifest if manifest is not None and "export" in manifest else None


def _json(path: Path) -> dict[str, Any] | None:
    if not path.is_file():
        return None
    try:
        content = json.loads(path.read_bytes())
    except ValueError:
        return None
    return cast("dict[str, Any]", content) if isinstance(content, dict) else None


def write_json(path: Path, value: Any) -> None:
    """A JSON file, there under its name only when it is whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.name}.new")
    unfinished.write_text(json.dumps(value, indent=1, ensure_ascii=False), "utf-8")
    os.replace(unfinished, path)
