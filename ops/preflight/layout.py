"""How a conversation becomes pieces: texts in the runs in which a trainer tokenizes them, marks, pictures."""

import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from ops.boxes.conventions import Size, scale
from ops.preflight.contract import (
    BOMB,
    BROKEN,
    MISSING,
    SOUND,
    Family,
    Forecast,
    Layout,
    Outcome,
    Picture,
    Piece,
    Row,
    Sight,
    Turn,
    UnseeableError,
)
from ops.preflight.limits import Limits

PILLOW_MOST_PX = 2 * (1024 * 1024 * 1024 // 4 // 3)
"""Above it Pillow 12 raises DecompressionBombError when it opens a picture (`Image.MAX_IMAGE_PIXELS`, twice)."""
NOTICEABLE = 0.9
"""Scale of a side below which, or above whose inverse, a picture counts as resized: processors round every side to
their patches, which moves nothing by more."""


class Pieces:
    """Gathers pieces. Texts that follow each other with the same target and turn are one run, as tokenizers merge over
    their border; a mark ends a run, as tokenizers split at special tokens."""

    def __init__(self, family: Family) -> None:
        self._marks = re.compile(f"({family.template.marks})")
        self._token = family.image_token
        self._done: list[Piece] = []
        self.strays = 0

    def template(self, text: str, *, target: bool = False, turn: int = 0) -> None:
        """A text of the template, with its marks."""
        for at, part in enumerate(self._marks.split(text)):
            if at % 2:
                self._done.append(Piece(tokens=1, target=target, turn=turn))
            elif part:
                self._run(part, target=target, turn=turn)

    def text(self, text: str, *, target: bool = False, turn: int = 0) -> None:
        """A text of the row. The model's image token in it is one, wherever it came from."""
        for at, part in enumerate(text.split(self._token)):
            if at:
                self.strays += 1
                self._done.append(Piece(tokens=1, target=target, image=True, turn=turn))
            if part:
                self._run(part, target=target, turn=turn)

    def mark(self, *, target: bool = False, turn: int = 0) -> None:
        """A special token in a text of the row."""
        self._done.append(Piece(tokens=1, target=target, turn=turn))

    def picture(
        self, tokens: int, around: tuple[int, int], *, target: bool = False, turn: int = 0, marks_only: bool = False
    ) -> None:
        """A picture's tokens between its marks; `marks_only`: no loss is taken on the tokens themselves."""
        before, after = around
        self._done += [Piece(tokens=before, target=target, turn=turn)] if before else []
        self._done.append(Piece(tokens=tokens, target=target and not marks_only, image=True, turn=turn))
        self._done += [Piece(tokens=after, target=target, turn=turn)] if after else []

    def _run(self, text: str, *, target: bool, turn: int) -> None:
        last = self._done[-1] if self._done else None
        if last is not None and last.text and (last.target, last.turn) == (target, turn):
            self._done[-1] = replace(last, text=last.text + text)
        else:
            self._done.append(Piece(text, target=target, turn=turn))

    def done(self) -> tuple[Piece, ...]:
        """All pieces, in order."""
        return tuple(self._done)


def stood_up(row: Row) -> Row:
    """The row with its pictures as a loader sees them that applies EXIF's orientation."""
    upright = (replace(p, width_px=p.upright[0], height_px=p.upright[1], turned=False) for p in row.pictures)
    return replace(row, pictures=tuple(upright)) if any(picture.turned for picture in row.pictures) else row


def looks(row: Row, limits: Limits, look: Callable[[int, int, Limits], Sight]) -> list[Sight]:
    """What the model makes of each picture of the row. Raises UnseeableError."""
    return [sight_of(picture.size, limits, look) for picture in row.pictures]


def sight_of(size: tuple[int, int], limits: Limits, look: Callable[[int, int, Limits], Sight]) -> Sight:
    """What the model makes of a picture of that width and height."""
    sight = look(*size, limits)
    return replace(sight, tokens=limits.tokens_per_image) if limits.tokens_per_image else sight


def failing_picture(row: Row) -> Forecast | None:
    """What every loader that opens the pictures meets first, as a crash; None where all can be opened."""
    for number, picture in enumerate(row.pictures, start=1):
        named = f"picture {number} of {len(row.pictures)}"
        if picture.state == MISSING:
            return crash("image_missing", named)
        if picture.state == BROKEN:
            return crash("image_broken", named)
        if picture.state == BOMB:
            return crash("image_bomb", named)
        if picture.state != SOUND or min(picture.size) < 1:
            return Forecast(outcome=Outcome.UNKNOWN, reason="file_unknown", detail=named)
        if picture.width_px * picture.height_px > PILLOW_MOST_PX:
            return crash("image_bomb", f"{named} has {picture.width_px}x{picture.height_px} pixels")
    return None


def crash(reason: str, detail: str = "") -> Forecast:
    """The row stops the run."""
    return Forecast(outcome=Outcome.CRASHED, reason=reason, detail=detail)


def beyond(detail: str) -> Forecast:
    """The row is of a kind that the rules do not cover."""
    return Forecast(outcome=Outcome.UNKNOWN, reason="not_forecast", detail=detail)


def resized(pictures: Sequence[Picture], sights: Sequence[Sight]) -> int:
    """How many pictures the model sees noticeably smaller or larger, on one side at least."""
    return sum(_is_resized(picture, sight) for picture, sight in zip(pictures, sights, strict=True))


def boxes_moved(row: Row, sights: Sequence[Sight]) -> bool:
    """Whether the row names pixels of a picture that has another size by the time that the model sees it, or lies on
    its side."""
    pairs = list(zip(row.pictures, sights, strict=True))
    return any(p.turned or _is_elsewhere(name, p, s) for name in row.box_scales for p, s in pairs)


def _is_elsewhere(convention: str, picture: Picture, sight: Sight) -> bool:
    """Whether the sides that the boxes are on are not those that the model sees."""
    return min(picture.size) < 1 or scale(convention, Size(*picture.size)) != (sight.width_px, sight.height_px)


def _is_resized(picture: Picture, sight: Sight) -> bool:
    scales = (sight.width_px / max(picture.width_px, 1), sight.height_px / max(picture.height_px, 1))
    return any(not NOTICEABLE <= by <= 1 / NOTICEABLE for by in scales)


def laid_out(pieces: Pieces, row: Row, sights: Sequence[Sight], *, literal_places: int = 0) -> Layout:
    """The layout of these pieces, whose pictures became that."""
    return Layout(
        pieces=pieces.done(),
        features=sum(sight.tokens for sight in sights),
        resized=resized(row.pictures, sights),
        boxes_moved=boxes_moved(row, sights),
        literal_places=literal_places,
    )


def places(turns: Iterable[Turn]) -> int:
    """How many placeholders the messages have."""
    return sum(part is None for turn in turns for part in turn.parts or ())


def scaled_below(size: tuple[int, int], most: int) -> tuple[int, int]:
    """The size of a picture scaled down to so many pixels, sides rounded down; as it is where it has no more or `most`
    is 0."""
    width, height = size
    if not most or width * height <= most:
        return size
    ratio = width / height
    scaled = math.sqrt(most / ratio)
    return int(scaled * ratio), int(scaled)


def scaled_between(size: tuple[int, int], limits: Limits) -> tuple[int, int]:
    """The size of a picture that a trainer itself scales down to `trainer_max_image_px`, then up to
    `trainer_min_image_px`, sides rounded down. Raises UnseeableError where a side comes to nothing."""
    width, height = size
    for most, grow in ((limits.trainer_max_image_px, False), (limits.trainer_min_image_px, True)):
        pixels = width * height
        if most and (pixels < most if grow else pixels > most):
            scale = math.sqrt(most / pixels)
            width, height = int(width * scale), int(height * scale)
            if min(width, height) < 1:
                raise UnseeableError(f"{size[0]}x{size[1]} pixels: a side would be reduced to nothing")
    return width, height
