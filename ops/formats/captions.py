"""Captions: an image column (`image`, `image_path`, `file_name`, `filepath`, ...) and a text column (`caption`, `text`,
`title`, ...; `captions` may be a list, whose texts become the lines of one answer). The question is the image alone."""

from collections.abc import Sequence

from ops.core.json_values import Fields, texts_of
from ops.formats import fields
from ops.formats.contract import Format
from ops.intake.row import ImageRef, Message, Part, Row, RowError

_IMAGES = (
    "image",
    "image_path",
    "file_name",
    "filename",
    "filepath",
    "image_file",
    "img_path",
    "path",
    "img",
    "jpg",
    "image_url",
    "url",
)
_TEXTS = ("caption", "captions", "text", "title", "description", "sentence", "alt_text")


def caption_of(record: Fields) -> str | None:
    """The caption in the first text column that has one."""
    for name in _TEXTS:
        value = record.get(name)
        if isinstance(value, str) and value:
            return value
        if texts := texts_of(value):
            return "\n".join(text.strip() for text in texts)
    return None


def captioned(images: Sequence[ImageRef], caption: str, *, source_id: str | None, metadata: Fields) -> Row:
    """An example whose question is the images and whose answer is the caption."""
    if not images:
        raise RowError("image_missing", "the row names no image")
    pictures = tuple(Part(image=number) for number in range(len(images)))
    return Row(
        kind="sft",
        source_id=source_id,
        messages=(Message("user", pictures), Message("assistant", (Part(caption),))),
        images=tuple(images),
        metadata={key: value for key, value in metadata.items() if key not in _TEXTS and value is not None},
    )


def _recognise(record: Fields) -> bool:
    return any(name in record for name in _IMAGES) and any(name in record for name in _TEXTS)


def _parse(record: Fields) -> Row:
    column = next((name for name in _IMAGES if record.get(name)), None)
    if column is None:
        raise RowError("image_missing", "the row names no image")
    caption = caption_of(record)
    if caption is None:
        if any(name in record for name in _TEXTS):
            raise RowError("empty_answer", "the caption")
        raise RowError("field_missing", "caption")
    metadata = {key: value for key, value in record.items() if key not in (column, "id")}
    source = fields.id_field(record, "id", "image_id", "key")
    return captioned(fields.images(record[column]), caption, source_id=source, metadata=metadata)


FORMAT = Format(
    name="captions",
    title="Captions (tables of image and text)",
    recognise=_recognise,
    parse=_parse,
    kinds=("sft",),
    judged_by=frozenset(),
    rank=-10,
)
