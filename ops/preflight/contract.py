"""What a forecast is made of: the row as a trainer reads it, the pieces that it becomes, and what happens to them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from ops.core.json_values import Cell
from ops.preflight.limits import Limits

SOUND, MISSING, BROKEN, BOMB, UNKNOWN_STATE = "sound", "missing", "broken", "bomb", "unknown"
"""States of a picture's file: it decodes; there is none; it does not decode; Pillow refuses so many pixels; nobody
looked."""

IMAGE = None
"""In a turn's parts: the place of the next of the row's pictures."""


class Outcome(StrEnum):
    """What a trainer does with a row, from the least to the worst for whoever wants it learnt. `left_out`: the export
    for it does not hold the row, so that it never meets it."""

    READ = "read"
    RESIZED = "resized"
    TRUNCATED = "truncated"
    UNKNOWN = "unknown"
    LEFT_OUT = "left_out"
    REPLACED = "replaced"
    DROPPED = "dropped"
    CRASHED = "crashed"


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture of a row: its size as stored, in pixels, and the state of its file. `upright` is the size once its
    EXIF orientation is applied, which some loaders do."""

    width_px: int = 0
    height_px: int = 0
    state: str = SOUND
    turned: bool = False
    """Whether EXIF swaps its sides."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height as stored, in pixels."""
        return self.width_px, self.height_px

    @property
    def upright(self) -> tuple[int, int]:
        """Width and height once EXIF's orientation is applied, in pixels."""
        return (self.height_px, self.width_px) if self.turned else self.size


@dataclass(frozen=True, slots=True)
class Turn:
    """A message: `parts` are texts and, where `IMAGE` (None) stands, placeholders of pictures; None where the message
    has no content at all. `is_list` says that the content came as a list of typed parts; `is_learned` whether an answer
    carries loss, which only trainers that mask answers look at."""

    role: str
    parts: tuple[str | None, ...] | None
    is_list: bool = False
    is_learned: bool = True

    @property
    def text(self) -> str:
        """The texts, joined."""
        return "".join(part for part in self.parts or () if part is not None)

    @property
    def marked_text(self) -> str:
        """The texts, joined, with `<image>` where a placeholder stands: what code makes of it that sees no parts."""
        return "".join("<image>" if part is None else part for part in self.parts or ())

    @property
    def places(self) -> int:
        """How many placeholders it has."""
        return sum(part is None for part in self.parts or ())


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A row as it stands in a trainer's file. A preference row's `turns` end before its answers, which are `chosen` and
    `rejected`."""

    row_id: str
    turns: tuple[Turn, ...]
    pictures: tuple[Picture, ...] = ()
    chosen: Turn | None = None
    rejected: Turn | None = None
    box_scales: tuple[str, ...] = ()
    """What its texts name places in the picture by, where that is pixels: conventions (ops.boxes.conventions)."""
    is_prompt: bool = False
    """Whether it is a prompt of RL: what asks, and no answer to learn."""
    is_judged: bool = False
    """Whether its last answer is judged: as a side of a preference, or by a label of its own (KTO)."""
    label: bool | None = None
    """The judgement of its last answer; None where a file has none."""
    lacks_rejected: bool = False
    """Whether its file has pairs, and no rejected answer stands in it."""
    same_answers: bool = False
    """Whether it is a side of a preference whose two answers are the same."""
    left_out: str = ""
    """Why the trainer's export does not hold it, a code of `ops.preflight.reasons`; empty where it does."""
    tools: Cell = None
    """What it says of the tools there are, as its file has it; None where that is nothing."""
    unreadable: str = ""
    """What of it is beyond these rules (videos), in words; empty where nothing is."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of tokens: of a `text`, which a tokenizer counts, or `tokens` that are known. `target`: a loss is taken on
    it. `image`: they are placeholders that the model replaces by a picture's features, none of which may be missing.
    `turn` numbers the pairs of question and answer from 0."""

    text: str = ""
    tokens: int = 0
    target: bool = False
    image: bool = False
    turn: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """A row as the sequence that the trainer makes of it, before anything is cut. `features`: image tokens that the
    pictures give; where the pieces hold another number the model stops. `resized`, `boxes_moved`: see Forecast."""

    pieces: tuple[Piece, ...]
    features: int = 0
    resized: int = 0
    boxes_moved: bool = False
    misjudged: bool = False
    """Whether its good answer is trained as a bad one."""
    literal_places: int = 0
    """Placeholders beyond the pictures, which stay in the text as they are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What a trainer will do with a row.

    `reason` is a code of `ops.preflight.reasons`, empty where nothing is to be said. `tokens`, `answer_tokens` and
    `image_tokens` count the whole sequence before a cut, None where it is never laid out; `tokens_lost` are what a cut
    removes, `answer_tokens_lost` those of targets, `image_tokens_lost` those of pictures. `resized` counts pictures
    that the model sees noticeably smaller or larger; `boxes_moved`: the row names pixels of a picture that has another
    size by then."""

    outcome: Outcome
    reason: str = ""
    detail: str = ""
    tokens: int | None = None
    answer_tokens: int | None = None
    image_tokens: int | None = None
    tokens_lost: int = 0
    answer_tokens_lost: int = 0
    image_tokens_lost: int = 0
    resized: int = 0
    boxes_moved: bool = False


@dataclass(frozen=True, slots=True)
class Sight:
    """What a model makes of a picture: how many tokens, at which size in pixels (the sum of its tiles where it has
    some)."""

    tokens: int
    width_px: int
    height_px: int


class UnseeableError(ValueError):
    """A picture that a model's processor refuses; says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """A family of models: how many tokens a picture becomes, and how a conversation is written. Its module's docstring
    is its entry in the docs."""

    name: str
    title: str
    source: str
    """Where the formula and the presets were read, with version."""
    look: Callable[[int, int, Limits], Sight]
    """Of a picture of that width and height, in pixels. Raises UnseeableError."""
    look_in_swift: Callable[[int, int, Limits], Sight] | None = None
    """The same as ms-swift's own preparation does it, where that differs."""
    template: "Template"
    presets: Mapping[str, int]
    """Fields of Limits."""
    members: tuple[str, ...] = ()
    """Other names of it."""
    image_token: str
    """The token that stands for one of a picture's features in the text."""
    around: tuple[int, int] = (0, 0)
    """Special tokens before and after a picture's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """How a conversation is written; `{text}` is the message."""

    system: str
    user: str
    answer_start: str
    """After the last message of the user, before the answer."""
    answer_end: str
    marks: str
    """Regular expression of the special tokens above."""
    default_system: str = ""
    """What models say of themselves where a row has no system prompt; empty for nothing."""

    def saying(self, default_system: str) -> "Template":
        """The same with that default system prompt."""
        return replace(self, default_system=default_system)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trainer:
    """A trainer's way with rows. Its module's docstring is its entry in the docs."""

    name: str
    title: str
    version: str
    """The release whose sources these rules were read from."""
    lay_out: Callable[[Row, Limits, Family], Layout | Forecast]
    """The row as a sequence, or what happens to it before it is one. Raises UnseeableError."""
    settle: Callable[["Counted", Limits], Forecast]
    """What becomes of the sequence once its tokens are counted."""
    presets: Mapping[str, int] = field(default_factory=dict[str, int])
    """Fields of Limits that are the trainer's own defaults; they go before the family's."""
    truncations: tuple[str, ...] = ()
    """What `truncation` may be; the first is the trainer's default."""
    failures: tuple[str, ...] = ("crash",)
    """What `on_failure` may be; the first is the trainer's default."""
    settle_pair: Callable[["Counted", "Counted", Limits], list[Forecast]] | None = None
    """Of the two conversations of a preference, where they are not cut one by one."""
    writes_boxes: bool = False
    """Whether it writes boxes that its files have as `objects` on the model's own scale."""
    lists_tools: bool = False
    """Whether these rules know how it writes the list of the tools there are."""
    ignores_tools: bool = False
    """Whether its code does not look at that list."""
    reads_parts: bool = False
    """Whether its files hold typed parts; else texts with placeholders in them."""
    reads: str = "answers"
    """What these rules are of: `answers` (SFT, preferences) or `prompt` (RL)."""
    carries: "Carries"
    """What its export holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Carries:
    """What the rows of a trainer's export can hold (ops/exports); other examples are left out of it, and counted."""

    kinds: tuple[str, ...] = ("sft", "preference")
    masks_answers: bool = False
    """Whether they can hold an answer that carries no loss, or a weight of its own."""
    tools: bool = True
    """Whether they can hold what tools say."""
    in_pairs: bool = False
    """Whether a question and an answer must come in turn; `joins_answers`: several answers in a row are one."""
    joins_answers: bool = False
    shown_answers: bool = True
    """Whether pictures may stand in answers and in a system prompt."""
    needs_truth: bool = False
    """Whether a prompt must have a ground truth."""
    one_question: bool = False
    """Whether a prompt must be one question."""


@dataclass(frozen=True, slots=True)
class Counted:
    """A layout whose pieces all have their tokens."""

    layout: Layout
    pieces: tuple[Piece, ...]

    @property
    def tokens(self) -> int:
        """Of the whole sequence."""
        return sum(piece.tokens for piece in self.pieces)

    @property
    def answer_tokens(self) -> int:
        """Of what a loss is taken on."""
        return sum(piece.tokens for piece in self.pieces if piece.target)

    @property
    def image_tokens(self) -> int:
        """Placeholders of pictures."""
        return sum(piece.tokens for piece in self.pieces if piece.image)
