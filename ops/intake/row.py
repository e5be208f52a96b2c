"""A row as formats hand it on: understood, not yet checked; and the error of a record that is none."""

from dataclasses import dataclass, field

from ops.core.json_values import Cell, Fields

CONTEXT = "context"
"""The role of an assistant's turn that carries no loss: a trainer shows it to the model and does not teach it, so it is
no target of any audit. Code that takes `assistant` for targets is right without knowing this role."""


class RowError(ValueError):
    """A record that cannot become an example. `reason` is a code of `ops.intake.rows.REASONS`."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
        self.detail = detail

    def __reduce__(self) -> tuple[type["RowError"], tuple[str, str]]:
        return RowError, (self.reason, self.detail)


@dataclass(frozen=True, slots=True)
class ImageRef:
    """An image as a row names it: a path, or the bytes themselves (then `path` is only what they were called)."""

    path: str = ""
    data: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a message: a text, or the index of one of the row's images."""

    text: str | None = None
    image: int | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """A turn. Roles: system, user, assistant, tool, and `CONTEXT`; a preference row ends in messages whose role is
    chosen, rejected or response, a prompt in its ground truth and its rollouts (`ops.core.turns`)."""

    role: str
    parts: tuple[Part, ...]
    loss: float | None = None
    """What it counts for in the loss, where its role does not say so: an answer's weight other than 1, that of a turn
    which is no answer and is learned all the same."""

    @property
    def text(self) -> str:
        """The texts of the message, joined."""
        return "".join(part.text for part in self.parts if part.text)


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a preference row says of one response."""

    response: str
    label: str | None = None  # good | bad | chosen | rejected
    opponent: str | None = None
    rating: float | None = None
    rating_scale: float | None = None
    annotator: str | None = None


@dataclass(frozen=True, slots=True)
class Rollout:
    """A response that a model gave to a prompt, null where the score alone was delivered, and its reward."""

    response: str | None
    reward: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """What an RL prompt has beside its conversation."""

    ground_truth: str | None = None
    is_json: bool = False
    """Whether the ground truth was no text (a number, a list, an object): it is then written as JSON."""
    style: str | None = None
    data_source: str | None = None
    rollouts: tuple[Rollout, ...] = ()


@dataclass(frozen=True, slots=True)
class RowBox:
    """A box (four numbers: two corners) or point (two) that a row has beside or in its texts, as it came.

    `message` and `image` are places among the row's messages and images, null where nothing tells; `start` and `end`
    bound the numbers in the message's text. `notation` as in `ops.boxes.notations`; `convention` as in
    `ops.boxes.conventions`, where the format names it."""

    numbers: tuple[float, ...]
    notation: str
    message: int | None = None
    image: int | None = None
    phrase: str | None = None
    convention: str | None = None
    text: str | None = None
    """How its numbers were written into the message, where that was done while the row was read."""
    start: int | None = None
    end: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One raw row, understood but not yet checked."""

    kind: str  # sft | preference | prompt
    messages: tuple[Message, ...]
    source_id: str | None = None
    dataset: str | None = None
    images: tuple[ImageRef, ...] = ()
    judgements: tuple[Judgement, ...] = ()
    prompt: Prompt | None = None
    metadata: Fields = field(default_factory=dict[str, Cell])
    repairs: tuple[str, ...] = ()
    boxes: tuple[RowBox, ...] = ()
    """Boxes that the row has beside its texts; those that stand in the texts alone are found there."""
