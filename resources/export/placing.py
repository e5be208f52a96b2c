"""An export to any place: into a local folder as it is written, or by way of one into a store.

A store's files are written from a folder of this machine, which is the export's own until all of it is there: shards
and what joins them are made where they can be read again, and every file is sent once, whole, the manifest last. What
was broken off is continued from that folder; on another machine it is made anew, and only what is not there is sent.
"""

import json
import shutil
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from ops.exports.contract import ExportError
from resources.config.places import is_address
from resources.engines.progress import Progress
from resources.export.export import Exported
from resources.export.records import CLAIM, MANIFEST
from resources.storage.state import state_of
from resources.storage.storage import Storage

_SENDERS = 8


def export_to(place: str, write: Callable[[str | Path], Exported], progress: Progress) -> Exported:
    """The export that `write` makes in a local folder, at that place: a folder, or an address in a store.

    Raises ExportError as `resources.export.export.export_version` does, with the place's own name."""
    if not is_address(place):
        return write(place)
    storage = Storage.at(place, owner="an export")
    folder = state_of(storage.root) / "export"
    held = storage.sizes()
    begun = next((name for name in (MANIFEST, CLAIM) if name in held), None)
    if held and begun is None:
        raise ExportError(f"{storage.root}: is not empty and holds no export. Export to a new folder")
    if begun == MANIFEST:
        shutil.rmtree(folder, ignore_errors=True)  # what is there is whole, whatever was begun here
    seeded = not folder.exists()
    if seeded and begun is not None:
        (folder / begun).parent.mkdir(parents=True)
        (folder / begun).write_bytes(storage.read(begun) or b"")
    try:
        done = write(folder)
    except ExportError as error:
        if seeded:
            shutil.rmtree(folder, ignore_errors=True)
        raise ExportError(str(error).replace(str(folder), storage.root)) from None
    fresh = begun != MANIFEST
    if fresh:
        _send(folder, storage, held, progress)
    shutil.rmtree(folder)
    return replace(done, place=storage.root, fresh=fresh)


def _send(folder: Path, storage: Storage, held: Mapping[str, int], progress: Progress) -> None:
    """Every file of the finished export that is not there yet. ExportError where what is there in the end is other."""
    sizes = {path.relative_to(folder).as_posix(): path.stat().st_size for path in folder.rglob("*") if path.is_file()}
    last = sizes.pop(MANIFEST)
    waiting = [name for name, size in sizes.items() if held.get(name) != size]
    storage.write(CLAIM, json.dumps(json.loads((folder / MANIFEST).read_bytes())["export"]).encode())
    with progress.track("Send files", len(waiting)) as advance, ThreadPoolExecutor(_SENDERS) as senders:
        for _ in senders.map(storage.copy_in, [folder / name for name in waiting], waiting):
            advance(1)
    there = storage.sizes()
    there.pop(CLAIM, None)
    if there != sizes:
        name = min(name for name in sizes.keys() | there.keys() if sizes.get(name) != there.get(name))
        raise ExportError(
            f"{storage.root}: {name} has {there.get(name)} bytes, {sizes.get(name)} were written. Does another export "
            "write there? Remove it and export again"
        )
    storage.copy_in(folder / MANIFEST, MANIFEST)
    if storage.size(MANIFEST) != last:
        raise ExportError(f"{storage.root}: {MANIFEST} was sent and is not there whole; export again")
    storage.remove(CLAIM)
