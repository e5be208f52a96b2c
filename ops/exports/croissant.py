"""Croissant metadata (format 1.0, JSON-LD): what the files of an export are, with their checksums."""

from collections.abc import Sequence

import pyarrow as pa

from ops.core.arrow_types import fields
from ops.core.json_values import Cell, Json
from ops.exports.contract import Facts
from ops.exports.rows import SCHEMAS
from ops.exports.sink import WrittenFile

_CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
_ENCODINGS = {
    "json": "application/json",
    "jsonl": "application/jsonlines",
    "md": "text/markdown",
    "parquet": "application/x-parquet",
    "tar": "application/x-tar",
}
_PLAIN = {"example_id", "source_id", "drop", "dataset", "stage", "position", "copy", "weight", "soft_label", "label"}


def croissant(facts: Facts, files: Sequence[WrittenFile], *, export: str, pictures: int) -> dict[str, Cell]:
    """The metadata. Parquet tables also get record sets, with the columns that are plain values.

    `pictures` counts the files of the folder `images`, whose names are their SHA-256.
    """
    licences = sorted({licence for licence in facts.licences.values() if licence})
    described: dict[str, Cell] = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "name": f"curated-version-{facts.version}",
        "description": f"Image-text instruction data, curated version {facts.version}, as {export}; see datasheet.md.",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "version": f"{facts.version}.0.0",
        "datePublished": facts.made_at[:10],
        "identifier": facts.content,
        "isLiveDataset": False,
        "distribution": [_file(file) for file in files] + ([_IMAGES] if pictures else []),
    }
    if licences:
        described["license"] = licences
    records = [_records(table, files) for table in SCHEMAS]
    described["recordSet"] = [record for record in records if record]
    return described


_IMAGES = {
    "@type": "cr:FileSet",
    "@id": "images",
    "name": "images",
    "description": "The pictures; each file's name is the SHA-256 of its bytes.",
    "encodingFormat": "image/*",
    "includes": "images/*/*",
}


def _file(file: WrittenFile) -> dict[str, Cell]:
    ending = file.name.rpartition(".")[2]
    return {
        "@type": "cr:FileObject",
        "@id": file.name,
        "name": file.name,
        "contentUrl": file.name,
        "contentSize": f"{file.bytes} B",
        "encodingFormat": _ENCODINGS.get(ending, "application/octet-stream"),
        "sha256": file.sha256,
    }


def _records(table: str, files: Sequence[WrittenFile]) -> dict[str, Cell] | None:
    """The record set of a table's first file: all its files have the same columns."""
    names = [file.name for file in files if file.name.startswith(f"{table}/") and file.name.endswith(".parquet")]
    if not names:
        return None
    columns: list[Json] = [
        {
            "@type": "cr:Field",
            "@id": f"{table}/{field.name}",
            "name": field.name,
            "dataType": _data_type(field.type),
            "source": {"fileObject": {"@id": names[0]}, "extract": {"column": field.name}},
        }
        for field in fields(SCHEMAS[table])
        if field.name in _PLAIN
    ]
    return {"@type": "cr:RecordSet", "@id": table, "name": table, "field": columns}


def _data_type(kind: pa.DataType) -> str:
    if pa.types.is_boolean(kind):
        return "sc:Boolean"
    if pa.types.is_integer(kind):
        return "sc:Integer"
    return "sc:Float" if pa.types.is_floating(kind) else "sc:Text"
