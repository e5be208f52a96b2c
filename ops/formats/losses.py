"""Which turns carry loss, and how much: what trainers write beside a message. ms-swift: `loss` (true or false) and
`loss_scale` (a weight). LLaMA-Factory v1: `loss_weight`. OpenAI's fine-tuning: `weight` (0 or 1). axolotl: `train` or
`training` (true or false)."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from ops.core.json_values import Cell, Fields
from ops.formats import fields
from ops.intake.row import CONTEXT, Message, RowError

WEIGHTS = ("loss", "loss_weight", "loss_scale", "weight")
_FLAGS = ("train", "training")  # as axolotl's message_field_training names them most often
_OF_ANY_ROLE = ("loss_weight", *_FLAGS)
"""What its trainer obeys beside a question as well; ms-swift's and OpenAI's fields count beside answers alone."""


def loss_of(message: Fields, names: Iterable[str] = (*WEIGHTS, *_FLAGS)) -> float | None:
    """The weight with which a message is learned, or None where nothing is said. Any of the fields that says nothing is
    learned settles it, as in ms-swift `loss: false` does beside a `loss_scale`; one that says no more than that it is
    learned gives way to a weight."""
    weights = [_weight(message[name], name) for name in names if message.get(name) is not None and _says(message, name)]
    if not weights:
        return None
    return min(weights) if min(weights) <= 0 else max((weight for weight in weights if weight != 1.0), default=1.0)


def loss_role(role: str, message: Fields) -> str:
    """The role of a turn: that of the assistant becomes `CONTEXT` where the turn carries no loss."""
    weight = loss_of(message)
    return CONTEXT if role == "assistant" and weight is not None and weight <= 0 else role


def own_loss(role: str, message: Fields) -> float | None:
    """The weight of a turn of this role (as `loss_role` has it) in the loss, where the role does not say it."""
    if role == CONTEXT:
        return None
    weight = loss_of(message) if role == "assistant" else loss_of(message, _OF_ANY_ROLE)
    usual = 1.0 if role == "assistant" else 0.0
    return None if weight is None or max(weight, 0.0) == usual else weight


def weighed(messages: Sequence[Message], weights: Sequence[float | None]) -> tuple[Message, ...]:
    """The messages with these weights, one each."""
    if not any(weight is not None for weight in weights):
        return tuple(messages)
    return tuple(replace(message, loss=weight) for message, weight in zip(messages, weights, strict=True))


def _says(message: Fields, name: str) -> bool:
    return name not in _FLAGS or isinstance(message[name], bool)


def _weight(value: Cell, name: str) -> float:
    if isinstance(value, bool):
        return float(value)
    try:
        return fields.number(value)
    except RowError:
        raise RowError("field_type", f"{name} of a message is {str(value)[:40]!r}, not a weight") from None
