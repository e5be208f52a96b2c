"""The pictures that a checkpoint is tried on, each with a text of its own: drawn from a lake by the hashes of the
pictures, so that the same lake gives the same probes, and from a file that the user names."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from PIL import Image, ImageOps

from ops.core.hashing import splitmix
from ops.core.identity import digest, image_id
from ops.core.schemas import EXAMPLES
from ops.intake.image_checks import decode_rgb
from ops.text.image_turns import image_turns
from resources.checkpoints.errors import CheckpointError
from resources.lake.stored_images import stored_images
from resources.lake.tables import Lake

_COLUMNS = ("example_id", "dataset", "messages", "image_ids")
#: Cut off each side of a mirrored picture by the edit that does no harm, as a share of the side.
_MARGIN = 0.05


@dataclass(frozen=True, slots=True)
class Probe:
    """A picture (its id and bytes), what is said of it, where it comes from, and, where the user named one, the kind of
    thing that it shows."""

    image_id: str
    data: bytes
    text: str
    group: str
    label: str = ""

    @property
    def image(self) -> Image.Image:
        """Upright RGB pixels, decoded each time: many pictures in pixels would not fit into memory."""
        return decode_rgb(self.data)

    @property
    def edited(self) -> Image.Image:
        """The picture mirrored, without a margin: what it shows is the same."""
        image = self.image
        width, height = image.size
        cut = (round(_MARGIN * width), round(_MARGIN * height))
        box = (cut[0], cut[1], max(width - cut[0], cut[0] + 1), max(height - cut[1], cut[1] + 1))
        return ImageOps.mirror(image.crop(box))


@dataclass(frozen=True, slots=True)
class Drawn:
    """Probes of a lake, and the share of its examples that show a picture."""

    probes: list[Probe]
    visual_share: float


def identity_of(probes: Sequence[Probe]) -> str:
    """A hash of the probes' pictures and texts."""
    return digest(*(part for probe in probes for part in (probe.image_id, probe.text, probe.label)), size=8)


def draw_probes(lake: Lake, deliveries: Sequence[str], count: int, *, seed: int) -> Drawn:
    """At most `count` of the deliveries' pictures of which a turn says something, each with the first such statement;
    the `examples` are read once, in batches."""
    drawn: dict[str, _Offer] = {}
    examples = visual = 0
    for batch in lake.batches(EXAMPLES, where={"delivery": list(deliveries)}, columns=_COLUMNS):
        table = pa.Table.from_batches([batch])
        examples += len(table)
        visual += sum(map(bool, table["image_ids"].to_pylist()))
        offers = _offers(table, seed) | drawn
        drawn = dict(sorted(offers.items(), key=lambda entry: entry[1].key)[:count])
    data = dict(stored_images(lake, drawn))
    probes = [Probe(image, data[image], offer.text, offer.group) for image, offer in drawn.items()]
    return Drawn(probes, visual / examples if examples else 0.0)


@dataclass(frozen=True, slots=True)
class _Offer:
    """A picture that may be drawn: those with the least keys are."""

    key: int
    text: str
    group: str


def _offers(examples: pa.Table, seed: int) -> dict[str, _Offer]:
    """Pictures that stand alone in an example with a statement; of several the first."""
    datasets = examples["dataset"].to_pylist()
    offers: dict[str, _Offer] = {}
    for turn in image_turns(examples):
        if len(turn.image_ids) == 1 and not turn.statement.uninformative:
            image = turn.image_ids[0]
            key = int(splitmix(np.array([int(image[:16], 16) ^ seed], np.uint64))[0])
            offers.setdefault(image, _Offer(key, turn.statement.text, datasets[turn.turn.row] or ""))
    return offers


def read_probes(file: Path) -> list[Probe]:
    """Probes of the user's own: JSON lines with `image` (a path beside the file), `text`, and `label` where kinds are
    to be told. CheckpointError names the line that is none."""
    probes: list[Probe] = []
    try:
        lines = file.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise CheckpointError(f"{file} cannot be read: {error}; name a file of JSON lines") from None
    for number, line in enumerate(lines, start=1):
        if line.strip():
            probes.append(_probe(file, number, line))
    if not probes:
        raise CheckpointError(f'{file} holds no probes; write lines such as {{"image": "a.jpg", "text": "A cat."}}')
    return probes


def _probe(file: Path, number: int, line: str) -> Probe:
    try:
        row = json.loads(line)
        data = (file.parent / row["image"]).read_bytes()
        decode_rgb(data)
        return Probe(image_id(data), data, str(row["text"]), file.stem, str(row.get("label") or ""))
    except (ValueError, KeyError, TypeError, AttributeError, OSError) as error:
        raise CheckpointError(
            f"{file}, line {number}: no probe ({str(error)[:200] or repr(error)}); give an object with image (a file "
            "beside it) and text"
        ) from None
