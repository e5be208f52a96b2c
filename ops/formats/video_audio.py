"""A row of video or sound and of no image that another format reads. Rows with a `video`, `videos`, `audio` or `audios`
are quarantined by name, in whatever format they come: reading them without it would teach answers about nothing."""

from ops.core.json_values import Fields
from ops.formats import fields
from ops.formats.contract import Format
from ops.intake.row import Row, RowError

FIELDS = ("video", "videos", "audio", "audios", "rejected_videos", "rejected_audios")
_NAMES = frozenset(FIELDS)


def other_media(record: Fields) -> list[str]:
    """The fields that hold video or sound. A flag (`audio: false`) is none."""
    if _NAMES.isdisjoint(record):
        return []
    return [name for name in FIELDS if fields.present(record.get(name)) and not isinstance(record[name], bool)]


def _recognise(record: Fields) -> bool:
    return bool(other_media(record))


def _parse(record: Fields) -> Row:
    raise RowError("modality_unsupported", ", ".join(other_media(record)) or "neither video nor sound")


FORMAT = Format(
    name="video_audio",
    title="Video and sound",
    recognise=_recognise,
    parse=_parse,
    kinds=(),
    judged_by=frozenset(),
    rank=-100,
)
