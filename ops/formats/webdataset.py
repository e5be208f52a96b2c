"""A sample of a WebDataset or img2dataset shard: an image (jpg, png, webp, ...), and a `txt` with its caption, or a
`json` that has the caption, or that is itself a row of another format, whose image is the one beside it."""

import re
from dataclasses import replace

import orjson

from ops.core.json_values import Cell, Fields
from ops.formats import captions, fields, registry
from ops.formats.contract import Format
from ops.intake.row import ImageRef, Row, RowError

_IMAGE = re.compile(r"(.*\.)?(jpe?g|png|webp|gif|bmp|tiff?|avif|img)")
_OTHER_MEDIA = re.compile(r"(.*\.)?(mp4|avi|mov|mkv|webm|mp3|wav|flac|ogg|m4a)")


def _recognise(record: Fields) -> bool:
    return isinstance(record.get("__key__"), str) and all(
        isinstance(v, bytes) for k, v in record.items() if k != "__key__"
    )


def _parse(record: Fields) -> Row:
    media = sorted(name for name in record if _OTHER_MEDIA.fullmatch(name))
    if media:
        raise RowError("modality_unsupported", ", ".join(media))
    images = [
        ImageRef(f"{record['__key__']}.{name}", data)
        for name, data in sorted(record.items(), key=_place)
        if isinstance(data, bytes) and _IMAGE.fullmatch(name)
    ]
    body = _json(record["json"]) if "json" in record else {}
    inner = registry.format_of([body])
    source = fields.id_field(body, "id", "key") or str(record["__key__"])
    if inner and inner.name not in (FORMAT.name, captions.FORMAT.name):
        # The names of the images in a row of another format are replaced by the bytes beside it.
        row_fields = {k: v for k, v in body.items() if k not in ("image", "images")}
        row = inner.parse(
            {**row_fields, "images": [{"path": i.path, "bytes": i.data} for i in images]} if images else body
        )
        return replace(row, source_id=source)
    caption = _text(record["txt"]) if "txt" in record else captions.caption_of(body)
    if caption is None:
        raise RowError("field_missing", "txt, or a caption in json")
    extra = {k: v for k, v in record.items() if k not in ("__key__", "json", "txt") and not _IMAGE.fullmatch(k)}
    return captions.captioned(images, caption, source_id=source, metadata={**body, **extra})


def _place(part: tuple[str, Cell]) -> list[tuple[int, str]]:
    """What orders the parts of a sample: their names, the numbers in them by their size (`2.png` before `10.png`)."""
    return [(int(piece), "") if piece.isdecimal() else (-1, piece) for piece in re.split(r"([0-9]{1,18})", part[0])]


def _json(data: Cell) -> dict[str, Cell]:
    try:
        body: Cell = orjson.loads(data if isinstance(data, bytes | str) else b"")
    except orjson.JSONDecodeError as error:
        raise RowError("json_invalid", f"the json of the sample: {error}") from None
    if not isinstance(body, dict):
        raise RowError("not_an_object", "the json of the sample")
    return body


def _text(data: Cell) -> str:
    if not isinstance(data, bytes):
        raise RowError("field_type", "the txt of the sample is no bytes")
    try:
        return data.decode("utf-8").strip()
    except UnicodeDecodeError as error:
        raise RowError("encoding", f"the txt of the sample, byte {error.start}: {error.reason}") from None


FORMAT = Format(
    name="webdataset",
    title="WebDataset and img2dataset",
    recognise=_recognise,
    parse=_parse,
    kinds=("sft", "preference", "prompt"),
    judged_by=frozenset(("json",)),
    rank=100,
)
