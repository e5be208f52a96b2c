"""Megatron-Energon's `.nv-meta/dataset.yaml` beside tars: the class of the samples and, where they are no crude ones,
the `field_map` that says which part of a sample is what (`jpg`, `txt`, `json[caption]`, `json[answers][0]`; several by
comma, of which the first that is there counts). Read are captioning (`image`, `caption`), VQA and VQA with OCR
(`image`, `context`, `answers`, of which the one of most `answer_weights`, or else the first, is the answer; all are
kept as metadata), and VQA of several choices (`choices`, of which `correct_choice_idx` tells the answer; kept as well).
Crude samples and those of other classes, none of which has a question and its answer (OCR alone, interleaved, classes
of images, text, video), are read as WebDataset."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import orjson
from ruamel.yaml.error import YAMLError

from ops.core.json_values import Cell, Fields, fields_of
from ops.core.yaml_values import parsed_yaml
from ops.formats import fields
from ops.formats.manifests.contract import TrainerManifest, describe
from ops.intake.decompression import plain_name
from ops.intake.descriptions import Described, Descriptions
from ops.intake.drop_files import DropError, DropFiles, FileInfo
from ops.intake.row import RowError

_PLACE = ".nv-meta/dataset.yaml"
_MOST_BYTES = 1 << 16
_MOST_BRACKETS = 500  # the parser takes seconds for thousands of open ones
_ACCESS = re.compile(r"(?P<part>[^\[\]]+)(?P<steps>(?:\[[^\[\]]+\])*)")
_CLASS = re.compile(r"(Captioning|VQA|VQAOCR|MultiChoiceVQA)(?:Sample|Webdataset)")
_FIELDS = {
    "Captioning": ("image", "caption"),
    "VQA": ("image", "context", "answers"),
    "VQAOCR": ("image", "context", "answers"),
    "MultiChoiceVQA": ("image", "context", "choices", "correct_choice_idx"),
}


@dataclass(frozen=True, slots=True)
class Mapped:
    """Makes of the parts of a sample a row of captions, or of question and answer."""

    kind: str
    field_map: Mapping[str, str]

    def __call__(self, record: Fields) -> dict[str, Cell]:
        if not isinstance(record.get("__key__"), str):
            return dict(record)
        image, part = self._field(record, "image")
        used = {part}
        if not isinstance(image, bytes):
            raise RowError("image_missing", f"no part {part} of the sample is an image")
        row: dict[str, Cell] = {
            "id": record["__key__"],
            "image": {"path": f"{record['__key__']}.{part}", "bytes": image},
        }
        if self.kind == "Captioning":
            row["caption"], part = self._text(record, "caption")
            return self._rest(record, row, {*used, part})
        name = "choices" if self.kind == "MultiChoiceVQA" else "answers"
        row["question"], part = self._text(record, "context")
        answers, answer_part = self._field(record, name)
        used |= {part, answer_part}
        answers = [answers] if isinstance(answers, str | bytes) else answers
        if not isinstance(answers, list) or not answers:
            raise RowError("field_missing", name)
        best = self._chosen(record, len(answers)) if name == "choices" else self._best(record, len(answers))
        row["answer"] = _decoded(answers[best], name)
        return self._rest(record, row | ({name: answers} if len(answers) > 1 else {}), used)

    def _chosen(self, record: Fields, count: int) -> int:
        value = self._field(record, "correct_choice_idx")[0]
        text = _decoded(value, "correct_choice_idx") if isinstance(value, str | bytes) else str(value)
        if not text.isdecimal() or int(text) >= count:
            raise RowError("field_type", f"correct_choice_idx is {text[:40]!r} of {count} choices")
        return int(text)

    def _best(self, record: Fields, count: int) -> int:
        if "answer_weights" not in self.field_map:
            return 0
        weights = self._field(record, "answer_weights")[0]
        if not isinstance(weights, list) or len(weights) != count:
            raise RowError("rating_invalid", f"answer_weights are not {count} numbers")
        numbers = [fields.number(weight) for weight in weights]
        return max(range(count), key=lambda place: (numbers[place], -place))

    def _text(self, record: Fields, name: str) -> tuple[str, str]:
        value, part = self._field(record, name)
        return _decoded(value, name), part

    def _field(self, record: Fields, name: str) -> tuple[Cell, str]:
        """What the field map says a field is, and the part of the sample that it is in."""
        options = self.field_map[name].split(",")
        for option in options:
            access = _ACCESS.fullmatch(option.strip())
            if access is None or access["part"] not in record:
                continue
            try:
                return _reached(record[access["part"]], re.findall(r"\[([^\[\]]+)\]", access["steps"])), access["part"]
            except (LookupError, TypeError, ValueError):
                continue
        raise RowError("field_missing", f"{name}: {self.field_map[name]}")

    def _rest(self, record: Fields, row: dict[str, Cell], used: set[str]) -> dict[str, Cell]:
        return row | {name: value for name, value in record.items() if name not in used and name != "__key__"}


def _reached(value: Cell, steps: Sequence[str]) -> Cell:
    reached: Cell = orjson.loads(value) if steps and isinstance(value, bytes) else value
    for step in steps:
        reached = reached[int(step)] if isinstance(reached, list) else fields_of(reached)[step]
    return reached


def _decoded(value: Cell, name: str) -> str:
    if isinstance(value, bytes):
        try:
            return value.decode("utf-8").strip()
        except UnicodeDecodeError as error:
            raise RowError("encoding", f"{name}, byte {error.start}: {error.reason}") from None
    if not isinstance(value, str):
        raise RowError("field_type", f"{name} is not text")
    return value


def _find(files: DropFiles, listing: Sequence[FileInfo]) -> Descriptions:
    tars = [info.name for info in listing if plain_name(info.name).endswith(".tar")]
    described: dict[str, Described] = {}
    manifests: list[str] = []
    for folder in sorted({place for name in tars for place in _above(name)}):
        place = f"{folder}/{_PLACE}".strip("/")
        rewrite = _mapping(files, place)
        if rewrite is None:
            continue
        manifests.append(place)
        description = Described(source=place, rewrite=rewrite)
        describe(described, [name for name in tars if folder == "" or name.startswith(f"{folder}/")], description)
    return Descriptions(described, tuple(manifests))


def _above(name: str) -> list[str]:
    """The folders that a file lies in, the drop's own as an empty text."""
    steps = name.split("/")[:-1]
    return ["/".join(steps[:count]) for count in range(len(steps) + 1)]


def _mapping(files: DropFiles, place: str) -> Mapped | None:
    try:
        # A hidden file is in no listing, so that whether a link leads out of the drop is asked as for an image.
        data = files.read_image(place, (".",), max_bytes=_MOST_BYTES)
    except RowError as problem:
        if problem.reason == "image_missing":
            return None
        raise DropError(f"{place}: {problem.reason}: {problem.detail}") from None
    if data.count(b"[") + data.count(b"{") > _MOST_BRACKETS:
        raise DropError(f"{place}: not plain YAML: more than {_MOST_BRACKETS} brackets")
    try:
        loaded = parsed_yaml(data.decode("utf-8"))
    except (YAMLError, ValueError, RecursionError) as error:
        raise DropError(f"{place}: not plain YAML: {' '.join(str(error).split())[:200]}") from None
    settings = fields_of(loaded)
    nested = settings.get("sample_type")
    sample = nested if isinstance(nested, Mapping) else settings
    known = _CLASS.fullmatch(str(sample.get("__class__")))
    field_map = settings.get("field_map")
    if known is None or not isinstance(field_map, Mapping):
        return None
    missing = [name for name in _FIELDS[known[1]] if not isinstance(field_map.get(name), str)]
    if missing:
        raise DropError(f"{place}: field_map lacks {', '.join(missing)}, which a sample of {known[1]} has")
    return Mapped(known[1], {str(name): str(access) for name, access in field_map.items()})


MANIFEST = TrainerManifest(name="energon", title="Megatron-Energon: .nv-meta/dataset.yaml", find=_find)
