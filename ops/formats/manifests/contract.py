"""What a trainer's manifest is: the promise that each file of this folder makes.

Trainers keep beside their data what each file is: which columns mean what, where its pictures lie, how often it is
repeated. Where a drop brings that along, it is believed rather than detection; `drop.yaml` has the last word. A new
manifest is one file of this folder with a `MANIFEST`; nothing else names it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import orjson

from ops.core.json_values import Cell
from ops.intake.descriptions import Described, Descriptions
from ops.intake.drop_files import DropError, DropFiles, FileInfo

MOST_BYTES = 1 << 20
MOST_CANDIDATES = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainerManifest:
    """One kind of manifest. Its module's docstring is its entry in the docs."""

    name: str
    title: str
    find: Callable[[DropFiles, Sequence[FileInfo]], Descriptions]


def candidates(listing: Sequence[FileInfo], ending: str) -> list[FileInfo]:
    """The files near the top of a drop that may be manifests. A drop with more of them has a file a row, and no
    manifest among them is looked for."""
    near = [info for info in listing if info.name.endswith(ending) and info.name.count("/") <= 1]
    small = [info for info in near if 0 < info.size <= MOST_BYTES]
    return small if len(small) <= MOST_CANDIDATES else []


def read_object(files: DropFiles, info: FileInfo, *, marks: Sequence[bytes]) -> dict[str, Cell]:
    """A small file that holds a JSON object and each of these marks; an empty object where it does not."""
    if not 0 < info.size <= MOST_BYTES:
        return {}
    with files.open(info.name) as stream:
        data = stream.read(MOST_BYTES)
    if not all(mark in data for mark in marks):
        return {}
    try:
        value: Cell = orjson.loads(data)
    except orjson.JSONDecodeError:
        return {}
    return value if isinstance(value, dict) else {}


def describe(described: dict[str, Described], names: Sequence[str], description: Described) -> None:
    """Adds what is said of these files. `DropError` where another entry says other things of one of them."""
    for name in names:
        before = described.setdefault(name, description)
        if replace(before, dataset=None, source="") != replace(description, dataset=None, source=""):
            both = f"{before.dataset} of {before.source} and {description.dataset} of {description.source}"
            raise DropError(f"{name}: {both} say different things of it; leave one of them out of the drop")


def beside(manifest: str, path: str, names: Sequence[str]) -> list[str]:
    """The files that a manifest means by `path`: a file or a folder, beside the manifest or in the drop, or, where the
    path is one of another machine, the one file whose path ends alike."""
    steps = [step for step in path.replace("\\", "/").split("/") if step not in ("", ".", "..")]
    folder = manifest.rpartition("/")[0]
    for start in range(len(steps)):
        tail = "/".join(steps[start:])
        for place in dict.fromkeys((f"{folder}/{tail}".strip("/"), tail)):
            held = [name for name in names if name == place or name.startswith(f"{place}/")]
            if held:
                return held
    return []


def folders(manifest: str, path: str) -> tuple[str, ...]:
    """Where in the drop the folder may be that a manifest means by `path`, the likeliest first."""
    steps = [step for step in path.replace("\\", "/").split("/") if step not in ("", ".", "..")]
    folder = manifest.rpartition("/")[0]
    tails = ["/".join(steps[start:]) for start in range(len(steps))]
    return tuple(dict.fromkeys(place for tail in tails for place in (f"{folder}/{tail}".strip("/"), tail)))
