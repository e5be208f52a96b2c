"""Whether a finished export is, wherever it lies, as its manifest says."""

import hashlib
import json
from pathlib import Path, PurePosixPath

from ops.exports.contract import ExportError
from resources.export.records import MANIFEST
from resources.storage.storage import Storage

_PIECE_BYTES = 8 << 20


def verify(place: str | Path) -> list[str]:
    """What of a finished export is not as its manifest says: a line a file; empty where all is well.

    Every file is read and hashed; pictures against their names. ExportError where no finished export is there.
    """
    storage = Storage.at(place, owner="an export")
    written = storage.read(MANIFEST)
    if written is None:
        raise ExportError(f"{place}: no {MANIFEST} is here; it is no finished export")
    manifest = json.loads(written)
    promised = {name: file["sha256"] for name, file in manifest["files"].items()}
    pictures = sorted(name for name in storage.sizes("images") if name.count("/") == 2 and "/." not in name)
    promised |= {name: PurePosixPath(name).stem for name in pictures if name not in promised}
    wrong = [f"{name}: {problem}" for name, sha256 in promised.items() if (problem := _problem(storage, name, sha256))]
    if len(pictures) != manifest["pictures"]["files"]:
        wrong.append(f"images: {len(pictures)} files, promised {manifest['pictures']['files']}")
    return wrong


def _problem(storage: Storage, name: str, sha256: str) -> str:
    filesystem, base = storage.open()
    state = hashlib.sha256()
    try:
        with storage.reaching(), filesystem.open_input_stream(f"{base}/{name}") as stream:
            while piece := stream.read(_PIECE_BYTES):
                state.update(piece)
    except FileNotFoundError:
        return "is missing"
    return "" if state.hexdigest() == sha256 else "has changed"
