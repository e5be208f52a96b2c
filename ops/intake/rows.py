"""Row checks: what a row must be to become an example, and the settings that say so."""

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

from ops.core.identity import canonical_json, image_id
from ops.core.json_values import Cell, Fields
from ops.core.printable import NAME_CONTROL, is_unicode
from ops.core.turns import CANDIDATE_ROLES, GROUND_TRUTH, ROLLOUT
from ops.intake.reasons import REASONS
from ops.intake.row import CONTEXT, Judgement, Message, Part, Prompt, Rollout, Row, RowError

_ASKING = ("system", "user", "assistant", "tool", CONTEXT)
_ENDS = (*CANDIDATE_ROLES, GROUND_TRUTH, ROLLOUT)
_CONTROL = re.compile("[\x00-\x08\x0b\x0e-\x1f\x7f]")
_DEFAULT_REPAIRS = (
    "duplicate_id",
    "image_16bit",
    "image_alpha",
    "image_cmyk",
    "image_orientation",
    "image_palette",
    "image_type_mismatch",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestSettings:
    """What ingest takes, repairs and refuses: the section `ingest` of assay.yaml."""

    repairs: tuple[str, ...] = _DEFAULT_REPAIRS
    """Reason codes whose rows are repaired, and say so in `repairs`, instead of being quarantined."""
    duplicate_ids: Literal["keep", "quarantine"] = "keep"
    """What becomes of the later rows that share a source id with an earlier row of the drop."""
    max_row_bytes: int = 32 << 20
    """A larger record is quarantined unread."""
    max_raw_bytes: int = 1 << 20
    """How much of a quarantined record is kept."""
    max_expansion: int = 200
    """Bytes that may come out of one byte of a compressed file."""
    max_image_bytes: int = 64 << 20
    """Size of an image file."""
    max_image_px: int = 100_000_000
    """Width times height of an image."""
    max_image_side_px: int = 30_000
    """Longer side of an image."""
    min_image_side_px: int = 1
    """Shorter side of an image."""
    max_image_aspect: float = 100.0
    """Longer side over shorter side of an image."""
    shard_bytes: int = 16 << 20
    """How much of a file one task reads. Results do not depend on it."""
    watched: str = ""
    """Folder whose complete sub-folders the sensor takes as drops; empty watches nothing."""

    def __post_init__(self) -> None:
        unknown = sorted(code for code in self.repairs if code not in REASONS or not REASONS[code].repair)
        if unknown:
            known = sorted(code for code, reason in REASONS.items() if reason.repair)
            raise ValueError(f"repairs: nothing repairs {', '.join(unknown)}; repairable are {', '.join(known)}")

    def accept(self, reason: str, detail: str = "") -> str:
        """The code, where rows with this problem are repaired; raises `RowError` where they are not."""
        if reason not in self.repairs:
            raise RowError(reason, detail)
        return reason


def whole_query(role_texts: Iterable[tuple[str, str]]) -> str:
    """What is asked by a conversation of (role, text): its one turn, or all of them where there were turns before the
    question. Candidate responses are not part of it."""
    turns = [("assistant" if role == CONTEXT else role, text) for role, text in role_texts if role in _ASKING]
    return turns[0][1] if len(turns) == 1 else "\n".join(f"{role}: {text}" for role, text in turns)


def check_row(row: Row, settings: IngestSettings) -> Row:
    """The row as it may enter the lake, repaired where the settings say so; raises `RowError`."""
    row = _check_text(row, settings)
    end = next((i for i, m in enumerate(row.messages) if m.role in _ENDS), len(row.messages))
    turns, answers = row.messages[:end], row.messages[end:]
    if row.kind == "preference":
        _check_candidates(turns, answers)
    if row.kind == "prompt":
        _check_asks(turns)
    if not turns:
        raise RowError("no_messages")
    turns, repairs = _check_order(turns, settings, answered=row.kind == "sft")
    if row.kind == "sft" and not any(m.role == "assistant" for m in turns):
        raise RowError("no_target")
    _check_filled(turns)
    return replace(row, messages=(*turns, *answers), repairs=(*row.repairs, *repairs))


def raw_text(fields: Fields | None, raw: bytes | None, *, limit: int) -> str:
    """A raw record as text for the quarantine, cut at `limit` bytes. Bytes that are no UTF-8 are escaped; binary
    values are named by size and SHA-256."""
    if raw is None:
        raw = canonical_json(readable(fields)).encode("utf-8", "backslashreplace")
    text = raw[:limit].decode("utf-8", "backslashreplace")
    return text if len(raw) <= limit else f"{text}... ({len(raw) - limit} bytes more)"


def readable(value: Cell) -> Cell:
    """A value as JSON can hold it: every run of bytes in it replaced by its size and hash, and numbers that are none
    (NaN, the infinite ones) by their names."""
    if isinstance(value, bytes | bytearray | memoryview):
        return {"bytes": len(value), "sha256": image_id(bytes(value))}
    if isinstance(value, Mapping):
        return readable_fields(value)
    if isinstance(value, list | tuple):
        return [readable(item) for item in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def readable_fields(fields: Fields) -> dict[str, Cell]:
    """Fields as JSON can hold them."""
    return {str(name): readable(value) for name, value in fields.items()}


def _check_text(row: Row, settings: IngestSettings) -> Row:
    texts = [part.text for message in row.messages for part in message.parts if part.text]
    names = [name for name in _names(row) if name]
    if not is_unicode("".join((*texts, *names, *(ref.path for ref in row.images)))):
        raise RowError("encoding", "half of a surrogate pair")
    count = sum(len(_CONTROL.findall(text)) for text in texts)
    count += sum(len(NAME_CONTROL.findall(name)) for name in names)
    if not count:
        return row
    code = settings.accept("control_characters", f"{count} of them")
    return replace(
        row,
        source_id=row.source_id and NAME_CONTROL.sub("", row.source_id),
        dataset=row.dataset and NAME_CONTROL.sub("", row.dataset),
        messages=tuple(
            replace(m, parts=tuple(Part(_CONTROL.sub("", p.text), p.image) if p.text else p for p in m.parts))
            for m in row.messages
        ),
        judgements=tuple(_cleared(judgement) for judgement in row.judgements),
        prompt=row.prompt and _cleared_prompt(row.prompt),
        repairs=(*row.repairs, code),
    )


def _names(row: Row) -> Iterator[str | None]:
    """What the row calls itself, its data set and who judged it."""
    yield from (row.source_id, row.dataset)
    for judgement in row.judgements:
        yield from (judgement.label, judgement.annotator)
    if row.prompt:
        yield from (row.prompt.style, row.prompt.data_source)


def _cleared(judgement: Judgement) -> Judgement:
    return replace(
        judgement,
        response=_CONTROL.sub("", judgement.response),
        opponent=judgement.opponent and _CONTROL.sub("", judgement.opponent),
        annotator=judgement.annotator and NAME_CONTROL.sub("", judgement.annotator),
    )


def _cleared_prompt(prompt: Prompt) -> Prompt:
    return replace(
        prompt,
        ground_truth=prompt.ground_truth and _CONTROL.sub("", prompt.ground_truth),
        style=prompt.style and NAME_CONTROL.sub("", prompt.style),
        data_source=prompt.data_source and NAME_CONTROL.sub("", prompt.data_source),
        rollouts=tuple(
            Rollout(rollout.response and _CONTROL.sub("", rollout.response), rollout.reward)
            for rollout in prompt.rollouts
        ),
    )


def _check_candidates(turns: Sequence[Message], answers: Sequence[Message]) -> None:
    if not answers or any(m.role not in CANDIDATE_ROLES for m in answers):
        raise RowError("no_candidates")
    empty = next((m for m in answers if not m.text.strip()), None)
    if empty:
        raise RowError("empty_answer", f"the {empty.role} response")
    _check_asks(turns)


def _check_asks(turns: Sequence[Message]) -> None:
    if turns and turns[-1].role not in ("user", "tool"):
        raise RowError("turn_order", f"the prompt ends with a turn of {turns[-1].role}")


def _check_order(
    turns: tuple[Message, ...], settings: IngestSettings, *, answered: bool
) -> tuple[tuple[Message, ...], tuple[str, ...]]:
    problem = _order_problem(turns, answered=answered)
    if not problem:
        return turns, ()
    code = settings.accept("turn_order", problem)
    mended = _mend_order(turns, answered=answered)
    if problem := _order_problem(mended, answered=answered):
        raise RowError("turn_order", problem)
    return mended, (code,)


def _order_problem(turns: Sequence[Message], *, answered: bool) -> str:
    first = next((place for place, message in enumerate(turns) if message.role != "system"), len(turns))
    roles = _speakers(turns[first:])
    if not roles or roles[0] != "user":
        return f"the first turn is of {roles[0]}" if roles else "there are only system turns"
    for index, (before, after) in enumerate(pairwise(roles)):
        follows = {"user": ("assistant",), "assistant": ("user", "tool"), "tool": ("assistant", "tool")}
        if after not in follows[before]:
            return f"turn {index + 1} of {after} follows one of {before}"
    if answered and roles[-1] != "assistant":
        return f"the last turn is of {roles[-1]}"
    return ""


def _speakers(turns: Sequence[Message]) -> list[str]:
    """Who speaks, turn by turn: an answer whose pieces are learned with different weights, or not at all, is of several
    turns in a row."""
    spoken = [turn for place, turn in enumerate(turns) if not (place and _goes_on(turns[place - 1], turn))]
    return ["assistant" if turn.role == CONTEXT else turn.role for turn in spoken]


def _goes_on(before: Message, turn: Message) -> bool:
    roles = {before.role, turn.role}
    return roles <= {"assistant", CONTEXT} and (CONTEXT in roles or before.loss != turn.loss)


def _mend_order(turns: Sequence[Message], *, answered: bool) -> tuple[Message, ...]:
    systems = [m for m in turns if m.role == "system"]
    rest: list[Message] = []
    for message in turns:
        if message.role == "system":
            continue
        if rest and (rest[-1].role, rest[-1].loss) == (message.role, message.loss):
            rest[-1] = replace(message, parts=(*rest[-1].parts, Part("\n"), *message.parts))
        else:
            rest.append(message)
    while rest and rest[0].role != "user" and not _has_image(rest[0]):
        rest.pop(0)
    while answered and rest and rest[-1].role not in ("assistant", CONTEXT) and not _has_image(rest[-1]):
        rest.pop()
    return (*systems, *rest)


def _has_image(message: Message) -> bool:
    return any(part.image is not None for part in message.parts)


def _check_filled(turns: Sequence[Message]) -> None:
    for index, message in enumerate(turns):
        if message.text.strip():
            continue
        if message.role == "assistant":
            raise RowError("empty_answer", f"turn {index}")
        if message.role == "user" and not _has_image(message):
            raise RowError("empty_query", f"turn {index}")
