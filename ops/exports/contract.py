"""What an export is: the promise that each file of this folder makes.

A version is exported in *shards*: runs of places of one kind (sft, preference or prompt) and one stage of the
curriculum, in order. Shards are written one by one, in any order and in several processes; each leaves whole files or
none. A new output format is one file of this folder with an `EXPORT`; nothing else names it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypedDict

from ops.boxes.objects import Objects
from ops.core.errors import AssayError
from ops.exports.flips import FlipEstimate
from ops.exports.sink import Sink, WrittenFile
from ops.intake.row import Message, Prompt

SFT = "sft"
PREFERENCE = "preference"
PROMPT = "prompt"

PICTURE_ENDINGS = {"JPEG": "jpg", "PNG": "png", "GIF": "gif", "WEBP": "webp", "BMP": "bmp", "TIFF": "tif"}
"""File name endings by the picture's format, which ingest found in its bytes; any other format gets `img`."""


class ExportError(AssayError, ValueError):
    """An export that cannot be made: says what stands in the way and what to do."""


@dataclass(frozen=True, slots=True)
class Picture:
    """An image of the version. It is named by its content, never by anything that the data says."""

    image_id: str
    ending: str
    folder: Path
    """Where the pictures lie while the export is written."""

    @property
    def name(self) -> str:
        """Path below the export's folder, where pictures lie beside the rows."""
        return f"images/{self.image_id[:2]}/{self.image_id}.{self.ending}"

    def data(self) -> bytes:
        """The bytes as they came into the lake."""
        return (self.folder / self.name).read_bytes()


@dataclass(frozen=True, slots=True)
class Judged:
    """A response of a preference example and what was said of it. `rating` is the mean over its judges: a share of
    the scale, and `rating_scale` 1, or as given where no scale is known."""

    text: str
    role: str  # chosen | rejected | response
    label: str | None = None  # good | bad
    rating: float | None = None
    rating_scale: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """An example of the version at one place of its order, with its content."""

    kind: str
    stage: int
    position: int
    """Place in the curriculum, over both kinds."""
    order: int
    """Place among the export's rows of its kind, counted from 0."""
    copy: int
    """0 where the example stands here first; 1, 2, ... where its weight repeats it."""
    weight: float
    loss_weight: float
    """What the row's loss counts for: its weight, or 1 where copies stand for the weight."""
    soft_label: float | None
    example_id: str
    source_id: str
    drop: str
    dataset: str
    messages: tuple[Message, ...]
    """The conversation, or the prompt of a preference. A part's `image` is an index into `pictures`, which are in the
    order in which the parts show them."""
    pictures: tuple[Picture, ...]
    responses: tuple[Judged, ...] = ()
    prompt: Prompt | None = None
    """Of a prompt of RL, what answers are verified against, and what models answered."""
    objects: tuple[Objects, ...] = ()
    """What stands for the placeholders of boxes in its texts, where the export writes them so: of a conversation and
    its answer, or of that with the chosen and with the rejected one; empty where it has none."""
    unwritable: str | None = None
    """Why its boxes cannot be written on the scale that the export has, or what its turns count for in the loss is not
    known; its texts are then as delivered."""
    extra: str = "{}"
    """JSON: the other columns of a prompt's row, which reward functions may read."""


@dataclass(frozen=True, slots=True)
class Shard:
    """A run of places of one kind and stage. `number` counts the shards of that kind and stage."""

    kind: str
    stage: int
    number: int
    rows: int

    @property
    def name(self) -> str:
        """Its name in files: `sft-stage-00-00000`."""
        return f"{self.kind}-{self.stage_name}-{self.number:05d}"

    @property
    def stage_name(self) -> str:
        """`stage-00`."""
        return f"stage-{self.stage:02d}"


@dataclass(frozen=True, slots=True)
class ShardDone:
    """A shard as written: its files by the table they belong to, and what was left out and why."""

    shard: Shard
    rows: int
    left_out: Mapping[str, int]
    files: tuple[WrittenFile, ...]


class Removal(TypedDict):
    """What became of the examples of a group: counts by action."""

    dataset: str | None
    kind: str
    examples: int
    keep: int
    downweight: int
    hold: int
    drop: int


class Reached(TypedDict):
    """How many examples a rule reached, by what became of them."""

    rule: str
    audit: str
    detail: str
    dataset: str | None
    action: str
    examples: int


class GroupRemoval(TypedDict):
    """What a version removed of a group (`family`: by what it is told), how many times the odds of the rest of its
    source it had, with the 95 % interval, and who lets that pass."""

    family: str
    group: str
    examples: int
    removed: int
    odds_ratio: float
    odds_low: float
    odds_high: float
    override: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is said of the version in the files that describe an export."""

    version: int
    made_at: str
    content: str
    policy: str
    code: str
    encoder: str
    order: str
    """own (the version's curriculum), or random or reversed as a control over the same rows."""
    repeats: int
    """0: weights stand in a column; N: an example of weight 1 stands N times."""
    licences: Mapping[str, str]
    """By drop; an empty text where none was declared."""
    removals: Sequence[Removal]
    reasons: Sequence[Reached]
    left_out: Mapping[str, int] = field(default_factory=dict[str, int])
    """Rows of the version that no shard holds, by why; what a shard leaves out stands with the shard."""
    by_group: Sequence["GroupRemoval"] = ()
    """Groups that lost more than the rest of their source, for certain."""
    flips: FlipEstimate | None = None
    """How likely a judged pair is the wrong way round, from all judgements that the version was made of."""


def _nothing(facts: Facts, shards: Sequence[ShardDone], sink: Sink) -> None:
    """What a format writes at the end that needs no more than its shards."""


def _takes_all(member: Member) -> str | None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """One output format. Its module's docstring is its entry in the docs."""

    name: str
    title: str
    write: Callable[[Shard, Iterable[Member], Sink], int]
    """Writes the members of a shard in their order into files of the sink; returns how many."""
    refuse: Callable[[Member], str | None] = _takes_all
    """Why the format cannot carry this member; None where it can. What is refused is counted in the manifest."""
    finish: Callable[[Facts, Sequence[ShardDone], Sink], None] = _nothing
    """Writes what stands over all shards, given in order."""
    recipe: str
    """How the rows are loaded in their order: Markdown, shown in the docs and written beside every export."""
    require: Callable[[], object] = lambda: None
    """Raises ExportError where something that the format is written with is missing; called before anything else."""
    kinds: tuple[str, ...] = (SFT, PREFERENCE)
    masks_answers: bool = False
    """Whether its rows can show an SFT answer that is not learned, or learned with a weight of its own; else examples
    with one are left out."""
    weights: str = "a column"
    """What becomes of weights where they are not made repeats; for the docs."""
    proof: str
    """What reads it back in the tests; for the docs."""
    boxes: str | None = None
    """The scale that its trainer reads boxes on (ops.boxes.conventions), or `objects` where it reads them beside the
    texts; null where that is the model's: they stay as delivered."""
    turns_pictures: bool = True
    """Whether its trainer turns a picture by its EXIF orientation. Where it does not, boxes, which are places of the
    upright image, cannot be written of such a picture."""
    pictures_beside: bool = False
    """Whether pictures are files of the export's folder `images`; else the rows hold their bytes."""
    revision: int = 1
    """Raise it when the files of the same rows change: an unfinished export of another revision is not continued."""
