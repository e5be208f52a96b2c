"""Qwen-VL's registry of data sets: dictionaries with `annotation_path` (the file of rows) and `data_path` (the folder
of its images), in a `.py` file, which is read and never run, or in a JSON object. A name that ends in `%50` says that
half of the rows are taken: `sampling_rate` in their metadata."""

import ast
import re
from collections.abc import Iterator, Sequence
from typing import TypeGuard

from ops.core.json_values import Cell, Fields, fields_of
from ops.formats.manifests.contract import (
    MOST_BYTES,
    TrainerManifest,
    beside,
    candidates,
    describe,
    folders,
    read_object,
)
from ops.intake.descriptions import Described, Descriptions
from ops.intake.drop_files import DropFiles, FileInfo

_MARK = b"annotation_path"
_SHARE = re.compile(r"%(\d+)$")


def _find(files: DropFiles, listing: Sequence[FileInfo]) -> Descriptions:
    names = [info.name for info in listing]
    described: dict[str, Described] = {}
    manifests: list[str] = []
    for info in (*candidates(listing, ".py"), *candidates(listing, ".json")):
        entries = dict(_entries(files, info))
        if entries:
            manifests.append(info.name)
        for dataset, entry in entries.items():
            share = _SHARE.search(dataset)
            description = Described(
                source=info.name,
                dataset=_SHARE.sub("", dataset),
                images=folders(info.name, str(entry.get("data_path") or "")),
                facts={} if share is None else {"sampling_rate": int(share[1]) / 100},
            )
            describe(described, beside(info.name, str(entry["annotation_path"]), names), description)
    return Descriptions(described, tuple(manifests))


def _entries(files: DropFiles, info: FileInfo) -> Iterator[tuple[str, Fields]]:
    """Names and entries of a registry; none of any other file."""
    if info.name.endswith(".py"):
        yield from _assigned(files, info)
    elif info.name.endswith(".json"):
        read = read_object(files, info, marks=(_MARK,))
        entries = {name: entry for name, entry in read.items() if _is_entry(entry)}
        if len(entries) == len(read):
            yield from entries.items()


def _assigned(files: DropFiles, info: FileInfo) -> Iterator[tuple[str, Fields]]:
    with files.open(info.name) as stream:
        data = stream.read(MOST_BYTES)
    if _MARK not in data:
        return
    try:
        body = ast.parse(data).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    held: dict[str, Fields] = {}
    for statement in body:
        if not isinstance(statement, ast.Assign) or not isinstance(statement.targets[0], ast.Name):
            continue
        if isinstance(statement.value, ast.Dict):
            name, value = statement.targets[0].id, _plain(statement.value, held)
            if _is_entry(value):
                held[name] = value
            else:
                yield from ((key, entry) for key, entry in value.items() if _is_entry(entry))


def _plain(node: ast.Dict, held: Fields) -> dict[str, Cell]:
    """A dictionary of constants, of dictionaries, and of names assigned before."""
    value: dict[str, Cell] = {}
    for key, item in zip(node.keys, node.values, strict=True):
        if not isinstance(key, ast.Constant) or not isinstance(key.value, str):
            continue
        if isinstance(item, ast.Constant):
            constant = item.value
            value[key.value] = constant if isinstance(constant, str | bytes | int | float | None) else str(constant)
        elif isinstance(item, ast.JoinedStr) and all(isinstance(part, ast.Constant) for part in item.values):
            value[key.value] = "".join(str(part.value) for part in item.values if isinstance(part, ast.Constant))
        elif isinstance(item, ast.Dict):
            value[key.value] = _plain(item, held)
        elif isinstance(item, ast.Name) and item.id in held:
            value[key.value] = held[item.id]
    return value


def _is_entry(value: Cell) -> TypeGuard[Fields]:
    path = fields_of(value).get("annotation_path")
    return isinstance(path, str) and bool(path)


MANIFEST = TrainerManifest(name="qwen_vl", title="Qwen-VL: registry of data sets", find=_find)
