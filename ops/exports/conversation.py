"""Members as the formats write them: messages of parts, text with placeholders, preference pairs."""

from collections.abc import Sequence
from dataclasses import dataclass

from ops.core.json_values import Cell, Fields
from ops.exports.contract import PREFERENCE, SFT, Judged, Member
from ops.intake.row import CONTEXT, Message
from ops.intake.turn_order import are_pairs, shows_in_answers
from ops.text.placeholders import PLACEHOLDER, placeholder_text


@dataclass(frozen=True, slots=True)
class Pair:
    """Two responses to one prompt, the first preferred."""

    chosen: str
    rejected: str


def typed_parts(message: Message) -> list[dict[str, Cell]]:
    """The message's parts as chat templates take them: `{type: text, text}` and `{type: image}`, which stands for the
    next of the row's images."""
    return [
        {"type": "image", "text": None} if part.image is not None else {"type": "text", "text": part.text}
        for part in message.parts
    ]


def text_part(text: str) -> list[dict[str, Cell]]:
    """A text as the only part of a message."""
    return [{"type": "text", "text": text}]


def written_message(message: Message, *, reserved: Sequence[str] = (PLACEHOLDER,)) -> str:
    """The message as one text with `<image>` where its pictures stand (`ops.text.placeholders`)."""
    parts = (None if part.image is not None else part.text or "" for part in message.parts)
    return placeholder_text(parts, reserved=reserved)


def picture_paths(member: Member) -> list[str]:
    """Where the member's pictures lie below the export's folder, in the order in which its parts show them."""
    return [picture.name for picture in member.pictures]


def refuse_uneven(member: Member, *, joins_answers: bool = False) -> str | None:
    """Why a trainer that reads turns in pairs does not take the member: after at most one system prompt, turns of the
    user (or a tool) and answers must come in turn, the last of them an answer, or for a preference the question. Where
    the trainer `joins_answers`, several in a row are one."""
    roles = [message.role for message in member.messages]
    if are_pairs(roles, ends_in_question=member.kind == PREFERENCE, joins_answers=joins_answers):
        return None
    return "its turns are not pairs of a question and an answer"


def refuse_shown_answers(member: Member) -> str | None:
    """Why a trainer that looks for pictures in questions does not take the member."""
    roles_with_pictures = {
        message.role for message in member.messages for part in message.parts if part.image is not None
    }
    return "a picture stands in an answer or a system prompt" if shows_in_answers(roles_with_pictures) else None


def pair_of(member: Member) -> Pair | None:
    """The pair of a preference example: its chosen and rejected response, or its best and its worst by rating or
    label; None where no response is better than another."""
    return best_and_worst(member.responses)


def best_and_worst(responses: Sequence[Judged]) -> Pair | None:
    """The pair that these responses to one question make, as `pair_of` has it."""
    by_role = {judged.role: judged.text for judged in reversed(responses)}
    if "chosen" in by_role and "rejected" in by_role:
        return Pair(by_role["chosen"], by_role["rejected"])
    ranked = [judged for judged in responses if _worth(judged) is not None]
    if not ranked:
        return None
    best = max(ranked, key=lambda judged: _worth(judged) or 0.0)
    worst = min(ranked, key=lambda judged: _worth(judged) or 0.0)
    return Pair(best.text, worst.text) if _worth(best) != _worth(worst) else None


def label_of(member: Member) -> Judged | None:
    """The one labelled response of an unpaired example; None where it has none or several."""
    return member.responses[0] if len(member.responses) == 1 and member.responses[0].label else None


def refuse_unjudged(member: Member) -> str | None:
    """Why a preference example is neither a pair nor a labelled response."""
    if member.kind != PREFERENCE or pair_of(member) or label_of(member):
        return None
    return "no response is better than another"


def refuse_unlearned(member: Member) -> str | None:
    """Why most formats do not carry an SFT example of which an answer is shown and not learned, or learned with a
    weight of its own: written as an answer it would be taught like any other."""
    if member.kind == SFT and any(message.role == CONTEXT for message in member.messages):
        return "an answer carries no loss, which the format cannot say"
    if member.kind == SFT and any(message.loss is not None for message in member.messages):
        return "an answer has a loss weight of its own, which the format cannot say"
    return None


def require_sft(member: Member, *, masks_answers: bool = False) -> Member:
    """The member, where nothing but the turns of its conversation is in it. A rejected response, or an answer without
    loss, that a trainer took for a target would be taught: ValueError rather than a row, unless the format masks
    answers."""
    if member.kind != SFT or member.responses:
        raise ValueError(f"{member.example_id} is of kind {member.kind} with {len(member.responses)} responses: no SFT")
    if not masks_answers and (reason := refuse_unlearned(member)):
        raise ValueError(f"{member.example_id}: {reason}")
    return member


def about(member: Member) -> Fields:
    """The columns of every row beside its content."""
    return {
        "example_id": member.example_id,
        "source_id": member.source_id,
        "drop": member.drop,
        "dataset": member.dataset,
        "stage": member.stage,
        "position": member.position,
        "copy": member.copy,
        "weight": member.weight,
    }


def _worth(judged: Judged) -> float | None:
    if judged.rating is not None:
        return judged.rating
    return {"good": 1.0, "bad": 0.0}.get(judged.label or "")
