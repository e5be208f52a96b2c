"""EasyR1's configuration (a YAML file with `data`): `train_files` and `val_files` say which files it is of,
`prompt_key`, `answer_key` and `image_key` which of their columns are the question, the ground truth and the pictures,
`image_dir` where the pictures lie. So rows that look like SFT are read as the prompts that they are. Files of a hub are
passed over."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ruamel.yaml.error import YAMLError

from ops.core.json_values import Cell, Fields
from ops.core.yaml_values import parsed_yaml
from ops.formats.manifests.contract import TrainerManifest, beside, candidates, describe, folders
from ops.intake.descriptions import Described, Descriptions
from ops.intake.drop_files import DropFiles, FileInfo

_MOST_BYTES = 1 << 16
_MOST_BRACKETS = 500  # the parser takes seconds for thousands of open ones
_MARKS = (b"prompt_key", b"answer_key", b"train_files")
_KEYS = {"prompt_key": ("prompt", "problem"), "answer_key": ("answer", "answer"), "image_key": ("images", "images")}
"""By key: the column that it means where it is left out, and what the format `easyr1` calls it."""


@dataclass(frozen=True, slots=True)
class Keyed:
    """Puts the columns that EasyR1 reads under the names that its format knows."""

    columns: Mapping[str, str]
    """Theirs by ours."""

    def __call__(self, record: Fields) -> dict[str, Cell]:
        read = {ours: record[theirs] for ours, theirs in self.columns.items() if theirs in record}
        named = set(self.columns.values())
        for name, value in record.items():
            if name not in named:
                read[f"unread_{name}" if name in self.columns else name] = value
        return read


def _find(files: DropFiles, listing: Sequence[FileInfo]) -> Descriptions:
    names = [info.name for info in listing]
    described: dict[str, Described] = {}
    manifests: list[str] = []
    for info in [*candidates(listing, ".yaml"), *candidates(listing, ".yml")]:
        data = _data(files, info)
        if data is None:
            continue
        named = {ours: data.get(key) or usual for key, (usual, ours) in _KEYS.items()}
        columns = {ours: column for ours, column in named.items() if isinstance(column, str)}
        if len(columns) != len(named):
            continue
        manifests.append(info.name)
        description = Described(
            source=info.name, images=folders(info.name, str(data.get("image_dir") or "")), rewrite=Keyed(columns)
        )
        for key in ("train_files", "val_files"):
            listed = data.get(key) or []
            for path in listed if isinstance(listed, list) else str(listed).split(","):
                describe(described, beside(info.name, str(path).strip().partition("@")[0], names), description)
    return Descriptions(described, tuple(manifests))


def _data(files: DropFiles, info: FileInfo) -> Fields | None:
    """The section `data` of a file that is such a configuration; None of any other."""
    with files.open(info.name) as stream:
        raw = stream.read(_MOST_BYTES + 1)
    if len(raw) > _MOST_BYTES or not all(mark in raw for mark in _MARKS):
        return None
    if raw.count(b"[") + raw.count(b"{") > _MOST_BRACKETS:
        return None
    try:
        values = parsed_yaml(raw.decode("utf-8"))
    except (YAMLError, ValueError, RecursionError):
        return None
    data = values.get("data") if isinstance(values, dict) else None
    return data if isinstance(data, dict) and "answer_key" in data else None


MANIFEST = TrainerManifest(name="easyr1", title="EasyR1: its configuration", find=_find)
