"""LLaMA-Factory's `dataset_info.json`: by data set `file_name` (a file, or a folder of them), `formatting` (alpaca,
sharegpt or openai), `columns` (which column is the prompt, the messages, chosen, rejected, `kto_tag`, ...) and `tags`
(what the turns' keys and roles are called). Columns are read under the names given; those that LLaMA-Factory would not
read are metadata, except where they hold a judgement. Entries of a hub are passed over."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ops.core.json_values import Cell, Fields, fields_of
from ops.formats.manifests.contract import TrainerManifest, beside, describe, read_object
from ops.intake.descriptions import Described, Descriptions
from ops.intake.drop_files import DropError, DropFiles, FileInfo

_FORMATTINGS = ("alpaca", "sharegpt", "openai")
# What its columns are called here, and what it takes for one that is not named where `columns` is left out.
_COLUMNS = {
    "prompt": "instruction",
    "query": "input",
    "response": "output",
    "history": "history",
    "messages": "conversations",
    "system": "system",
    "tools": "tools",
    "images": "images",
    "videos": "videos",
    "audios": "audios",
    "chosen": "chosen",
    "rejected": "rejected",
    "kto_tag": "kto_tag",
}
_JUDGING = ("chosen", "rejected", "kto_tag")
_TAGS = {
    "user_tag": "human",
    "assistant_tag": "gpt",
    "observation_tag": "observation",
    "function_tag": "function_call",
    "system_tag": "system",
}
_READ = ("messages", *_COLUMNS.values())


@dataclass(frozen=True, slots=True)
class Renamed:
    """Puts a record's columns and its turns' keys and roles under the names that the formats know. `columns` is None
    where the entry names none: then those of LLaMA-Factory's defaults count."""

    columns: Mapping[str, str] | None
    role_key: str
    content_key: str
    roles: Mapping[str, str]
    formatting: str

    def __call__(self, record: Fields) -> dict[str, Cell]:
        renamed = dict(record) if self.columns is None else self._columns(record, self.columns)
        if self.formatting == "alpaca":
            return renamed
        for name in ("conversations", "chosen", "rejected"):
            value = renamed.get(name)
            if isinstance(value, list):
                renamed[name] = [self._turn(item) for item in value]
            elif isinstance(value, Mapping):
                renamed[name] = self._turn(value)
        if self.formatting == "openai" and "conversations" in renamed:  # calls of tools in fields of their own
            renamed["messages"] = renamed.pop("conversations")
        return renamed

    def _columns(self, record: Fields, columns: Mapping[str, str]) -> dict[str, Cell]:
        named = set(columns.values())
        read = {ours: record[theirs] for ours, theirs in columns.items() if theirs in record}
        for name, value in record.items():
            if name not in named:
                unread = name in _READ and name not in _JUDGING
                read.setdefault(f"unread_{name}" if unread else name, value)
        return read

    def _turn(self, item: Cell) -> Cell:
        if not isinstance(item, Mapping) or self.role_key not in item:
            return item
        other = {key: value for key, value in item.items() if key not in (self.role_key, self.content_key)}
        role = item[self.role_key]
        known = self.roles.get(role, role) if isinstance(role, str) else role
        return {**other, "from": known, "value": item.get(self.content_key)}


def _find(files: DropFiles, listing: Sequence[FileInfo]) -> Descriptions:
    names = [info.name for info in listing]
    described: dict[str, Described] = {}
    manifests: list[str] = []
    for info in listing:
        if info.name.rpartition("/")[2] != "dataset_info.json":
            continue
        entries = read_object(files, info, marks=(b'"file_name"',))
        for dataset, entry in entries.items():
            path = fields_of(entry).get("file_name")
            if isinstance(path, str):
                manifests.append(info.name)
                rewrite = _rewrite(fields_of(entry), f"{info.name}: {dataset}")
                description = Described(source=info.name, dataset=str(dataset), rewrite=rewrite)
                describe(described, beside(info.name, path, names), description)
    return Descriptions(described, tuple(dict.fromkeys(manifests)))


def _rewrite(entry: Fields, where: str) -> Renamed:
    formatting = entry.get("formatting", "alpaca")
    columns, tags = entry.get("columns"), entry.get("tags") or {}
    if not isinstance(formatting, str) or formatting not in _FORMATTINGS:
        raise DropError(f"{where}: formatting {formatting!r} is not known; known are {', '.join(_FORMATTINGS)}")
    if not isinstance(columns, Mapping | None) or not isinstance(tags, Mapping):
        raise DropError(f"{where}: columns and tags must be objects")
    unknown = sorted(set(columns or {}) - set(_COLUMNS))
    if unknown:
        raise DropError(f"{where}: columns has {unknown[0]!r}; known are {', '.join(_COLUMNS)}")
    return Renamed(
        None if columns is None else {_COLUMNS[name]: str(column) for name, column in columns.items() if column},
        str(tags.get("role_tag") or "from"),
        str(tags.get("content_tag") or "value"),
        {str(tags.get(tag) or ours): ours for tag, ours in _TAGS.items()},
        formatting,
    )


MANIFEST = TrainerManifest(name="llama_factory", title="LLaMA-Factory: dataset_info.json", find=_find)
