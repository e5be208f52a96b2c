"""InternVL's meta file: a JSON object that gives by data set `annotation` (the file of rows), `root` (the folder of its
images) and `repeat_time`, which goes into the metadata of its rows: more than 1 repeats them, less takes as many from
the file's beginning."""

from collections.abc import Sequence

from ops.core.json_values import Fields, fields_of
from ops.formats.manifests.contract import TrainerManifest, beside, candidates, describe, folders, read_object
from ops.intake.descriptions import Described, Descriptions
from ops.intake.drop_files import DropFiles, FileInfo


def _find(files: DropFiles, listing: Sequence[FileInfo]) -> Descriptions:
    names = [info.name for info in listing]
    described: dict[str, Described] = {}
    manifests: list[str] = []
    for info in candidates(listing, ".json"):
        read = read_object(files, info, marks=(b'"annotation"', b'"root"'))
        entries = {dataset: fields_of(entry) for dataset, entry in read.items()}
        if not entries or not all(map(_is_entry, entries.values())):
            continue
        manifests.append(info.name)
        for dataset, entry in entries.items():
            repeat = entry.get("repeat_time")
            description = Described(
                source=info.name,
                dataset=str(dataset),
                images=folders(info.name, str(entry.get("root") or "")),
                facts={} if repeat is None else {"repeat_time": repeat},
            )
            describe(described, beside(info.name, str(entry["annotation"]), names), description)
    return Descriptions(described, tuple(manifests))


def _is_entry(entry: Fields) -> bool:
    annotation = entry.get("annotation")
    return isinstance(annotation, str) and bool(annotation)


MANIFEST = TrainerManifest(name="internvl", title="InternVL: meta file", find=_find)
