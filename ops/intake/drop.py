"""What a drop says of itself: `drop.yaml`, whether it is complete, and which of its files hold rows."""

import fnmatch
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from ruamel.yaml.error import YAMLError

from ops.boxes.conventions import NAMES, is_convention
from ops.core.json_values import Cell, Fields, texts_of
from ops.core.printable import unfit_name
from ops.core.yaml_values import parsed_yaml
from ops.intake.decompression import plain_name
from ops.intake.descriptions import Described, Descriptions
from ops.intake.drop_files import DropError, DropFiles, FileInfo
from ops.intake.image_checks import IMAGE_NAME

MANIFEST = "drop.yaml"
MARKER = "_SUCCESS"
_MANIFEST_BYTES = 1 << 16
_MANIFEST_TEXT = 4096
_MANIFEST_TEXTS = 20_000  # aliases of aliases can make a small file mean a huge one
_MANIFEST_BRACKETS = 500  # the parser takes seconds for thousands of open ones
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_KEYS = ("name", "datasets", "format", "ignore_fields", "licence", "arrived", "images", "boxes")
# Files that go with a data set and hold no rows of it.
_SIDE_FILES = re.compile(
    r"(^|/)(dataset_info\.json|dataset_infos\.json|state\.json|dataset_dict\.json|[^/]*_stats\.json|_temporary.*|"
    r"LICENSE|LICENCE|NOTICE|README|[^/]*\.(md|txt|rst|html|pdf|py|sh|log|lock|crc|sha256|md5|yaml|yml|tar\.idx))$",
    re.IGNORECASE,
)
_UNFINISHED = re.compile(r"\.(part|partial|tmp|crdownload|incomplete|filepart)$|(^|/)_(temporary|INCOMPLETE)(/|$)")


@dataclass(frozen=True, slots=True)
class Manifest:
    """What `drop.yaml` says; all of it optional. `datasets` and `format` map file patterns to a data set's and a
    format's name; `images` are folders that image paths may also be relative to."""

    name: str | None = None
    datasets: Mapping[str, str] = field(default_factory=dict[str, str])
    format: Mapping[str, str] = field(default_factory=dict[str, str])
    licence: str | None = None
    arrived: str | None = None
    images: tuple[str, ...] = ()
    ignore_fields: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    """By file pattern: columns that are plain metadata, whatever their names seem to say."""
    boxes: Mapping[str, str] = field(default_factory=dict[str, str])
    """By file pattern: the convention of the boxes, as `ops.boxes.conventions` names them."""
    described: Descriptions = field(default_factory=Descriptions)
    """What the trainers' manifests in the drop say of its files."""

    def description_of(self, file: str) -> Described | None:
        """What a trainer's manifest says of a file."""
        return self.described.files.get(file)

    def folders(self, file: str) -> tuple[str, ...]:
        """Folders that the image paths in a file may be relative to, as `images` and a trainer's manifest say."""
        description = self.description_of(file)
        return self.images if description is None else (*self.images, *description.images)

    def dataset(self, file: str) -> str:
        """The data set that the rows of a file belong to: as `datasets` or a trainer's manifest says, else the file's
        name."""
        description = self.description_of(file)
        named = _matching(self.datasets, file) or (description and description.dataset)
        return named or plain_name(file).rpartition("/")[2].partition(".")[0]

    def format_of(self, file: str) -> str | None:
        """The format that `drop.yaml` names for a file, if any."""
        return _matching(self.format, file)

    def box_convention(self, file: str) -> str | None:
        """The convention that `drop.yaml` names for the boxes of a file, if any."""
        return _matching(self.boxes, file)

    def ignored(self, file: str) -> tuple[str, ...]:
        """The fields of a file that are plain metadata, as every pattern that matches it says."""
        lists = [names for pattern, names in self.ignore_fields.items() if fnmatch.fnmatchcase(file, pattern)]
        return tuple(dict.fromkeys(name for names in lists for name in names))


def read_manifest(files: DropFiles) -> Manifest:
    """The drop's `drop.yaml`, or an empty manifest. `DropError` where it is not what it should be."""
    try:
        with files.open(MANIFEST) as stream:
            data = stream.read(_MANIFEST_BYTES + 1)
    except FileNotFoundError:
        return Manifest()
    except OSError as error:
        reason = error.strerror or error
        raise DropError(f"{MANIFEST}: it cannot be read: {reason}; make it a plain file, or remove it") from None
    if len(data) > _MANIFEST_BYTES:
        raise DropError(f"{MANIFEST}: larger than {_MANIFEST_BYTES} bytes; it is only for {', '.join(_KEYS)}")
    if data.count(b"[") + data.count(b"{") > _MANIFEST_BRACKETS:
        raise DropError(f"{MANIFEST}: not plain YAML: more than {_MANIFEST_BRACKETS} brackets")
    try:
        values = parsed_yaml(data.decode("utf-8"))
    except (YAMLError, ValueError, RecursionError) as error:
        raise DropError(f"{MANIFEST}: not plain YAML: {_first_line(error)}") from None
    if values is None:
        return Manifest()
    if not isinstance(values, dict) or set(values) - set(_KEYS):
        extra = sorted(str(k)[:80] for k in set(values) - set(_KEYS))[:5] if isinstance(values, dict) else "no mapping"
        raise DropError(f"{MANIFEST}: {extra}; it may hold {', '.join(_KEYS)}")
    _check_texts(values)
    return Manifest(
        name=_name(values.get("name")),
        datasets=_patterns(values, "datasets"),
        format=_patterns(values, "format"),
        licence=_text(values, "licence"),
        arrived=_text(values, "arrived"),
        images=_folders(values.get("images")),
        ignore_fields=_field_names(values.get("ignore_fields")),
        boxes=_box_conventions(values),
    )


def is_name(text: str) -> bool:
    """Whether a drop can be called that."""
    return bool(_NAME.fullmatch(text))


def check_name(name: str) -> str:
    """The name of a drop, if it can be one."""
    if not is_name(name):
        raise DropError(
            f"drop name {name[:120]!r}: use at most 100 letters, digits, '.', '_' and '-', first a letter or digit"
        )
    return name


def is_complete(listing: Iterable[FileInfo]) -> bool:
    """Whether the drop's sender says that all is there: a `_SUCCESS` or a `drop.yaml` at its top, and no file that an
    upload still writes to."""
    names = {info.name for info in listing}
    return bool(names & {MARKER, MANIFEST}) and not any(_UNFINISHED.search(name) for name in names)


def data_files(listing: Iterable[FileInfo]) -> list[FileInfo]:
    """The files that may hold rows: neither images nor what goes with a data set. The Parquet file that img2dataset
    writes beside each tar repeats what the tar's JSON says."""
    files = list(listing)
    tars = {info.name[: -len(".tar")] for info in files if info.name.endswith(".tar")}
    return [
        info
        for info in files
        if not (info.name.endswith(".parquet") and info.name[: -len(".parquet")] in tars)
        and info.name not in (MARKER, MANIFEST)
        and not IMAGE_NAME.search(info.name)
        and not _SIDE_FILES.search(info.name)
    ]


def check_finished(listing: Iterable[FileInfo]) -> None:
    """`DropError` where a file's name says that it is still being written."""
    unfinished = [info.name for info in listing if _UNFINISHED.search(info.name)]
    if unfinished:
        raise DropError(f"{unfinished[0]}: the upload has not ended; wait for it, or remove the file")


def _matching(patterns: Mapping[str, str], file: str) -> str | None:
    return next((value for pattern, value in patterns.items() if fnmatch.fnmatchcase(file, pattern)), None)


def _first_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]


def _check_texts(values: Fields) -> None:
    """`DropError` where a text is not one that the lake can hold and a terminal show."""
    for key, value in values.items():
        for number, text in enumerate(_texts(value)):
            if number == _MANIFEST_TEXTS:
                raise DropError(f"{MANIFEST}: {key}: it means more than {_MANIFEST_TEXTS} texts; are there aliases?")
            if problem := unfit_name(text):
                raise DropError(f"{MANIFEST}: {key}: {problem}")
            if len(text) > _MANIFEST_TEXT:
                raise DropError(f"{MANIFEST}: {key}: a text of {len(text)} characters; at most {_MANIFEST_TEXT} fit")


def _texts(value: Cell, depth: int = 3) -> Iterator[str]:
    """The texts of a value, as deep as any key of `drop.yaml` goes; deeper ones are of a wrong type anyway."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list) and depth:
        for part in [*value, *value.values()] if isinstance(value, dict) else value:
            yield from _texts(part, depth - 1)


def _name(value: Cell) -> str | None:
    # 007 and 2026-11-23 are numbers and dates to YAML; a name that was one of these cannot be had back.
    if value is not None and not isinstance(value, str):
        raise DropError(f"{MANIFEST}: name: {str(value)[:80]!r} is read as a {type(value).__name__}; put it in quotes")
    return None if value is None else check_name(value)


def _text(values: Fields, key: str) -> str | None:
    value = values.get(key)
    if isinstance(value, datetime | date):
        return value.isoformat()
    if value is not None and not isinstance(value, str):
        raise DropError(f"{MANIFEST}: {key} must be text")
    return value


def _patterns(values: Fields, key: str) -> dict[str, str]:
    value = values.get(key)
    if value is None:
        return {}
    if isinstance(value, str):
        return {"*": value}
    if isinstance(value, dict) and texts_of([*value, *value.values()]) is not None:
        return {pattern: str(name) for pattern, name in value.items()}
    raise DropError(f"{MANIFEST}: {key} must be a name, or names by file pattern")


def _box_conventions(values: Fields) -> dict[str, str]:
    conventions = _patterns(values, "boxes")
    for name in conventions.values():
        if not is_convention(name):
            raise DropError(f"{MANIFEST}: boxes: {name[:80]!r} is no convention of boxes; there are {NAMES}")
    return conventions


def _field_names(value: Cell) -> dict[str, tuple[str, ...]]:
    by_pattern: Fields = value if isinstance(value, dict) else {"*": [] if value is None else value}
    lists = {key: [names] if isinstance(names, str) else texts_of(names) for key, names in by_pattern.items()}
    if texts_of(list(by_pattern)) is None or None in lists.values():
        raise DropError(f"{MANIFEST}: ignore_fields must be a list of fields, or such lists by file pattern")
    return {key: tuple(names) for key, names in lists.items() if names}


def _folders(value: Cell) -> tuple[str, ...]:
    folders = [value] if isinstance(value, str) else texts_of(value or [])
    if folders is None:
        raise DropError(f"{MANIFEST}: images must be a folder, or a list of folders")
    outside = [f for f in folders if f.startswith(("/", "~")) or ".." in f.split("/") or "://" in f]
    if outside:
        raise DropError(f"{MANIFEST}: images: {outside[0]!r} leaves the drop")
    return tuple(folder.strip("/") or "." for folder in folders)
