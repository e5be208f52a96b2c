"""Which turns carry loss: what trainers write beside a message. ms-swift: `loss` (true or false) and `loss_scale` (a
weight). LLaMA-Factory v1: `loss_weight`. OpenAI's fine-tuning: `weight` (0 or 1). axolotl: `train` or `training` (true
or false)."""

from collections.abc import Mapping, Sequence

from ops.core.json_values import Cell, Fields
from ops.formats import fields
from ops.intake.row import CONTEXT, RowError

WEIGHTS = ("loss", "loss_weight", "loss_scale", "weight")
_FLAGS = ("train", "training")  # as axolotl's message_field_training names them most often


def loss_of(message: Fields) -> float | None:
    """The weight with which a message is learned, or None where nothing is said. Any of the fields that says nothing is
    learned settles it, as in ms-swift `loss: false` does beside a `loss_scale`."""
    weights = [_weight(message[name], name) for name in WEIGHTS if message.get(name) is not None]
    weights += [float(flag) for flag in map(message.get, _FLAGS) if isinstance(flag, bool)]
    if not weights:
        return None
    return min(weights) if min(weights) <= 0 else max(weights)


def loss_role(role: str, message: Fields) -> str:
    """The role of a turn: that of the assistant becomes `CONTEXT` where the turn carries no loss."""
    weight = loss_of(message)
    return CONTEXT if role == "assistant" and weight is not None and weight <= 0 else role


def weights_metadata(items: Sequence[Cell]) -> dict[str, list[float | None]]:
    """What the metadata keeps of the messages' weights as they were delivered, where one is neither 0 nor 1: roles do
    not say these."""
    weights = [loss_of(item) if isinstance(item, Mapping) else None for item in items]
    return {"loss_weights": weights} if any(weight not in (None, 0.0, 1.0) for weight in weights) else {}


def _weight(value: Cell, name: str) -> float:
    if isinstance(value, bool):
        return float(value)
    try:
        return fields.number(value)
    except RowError:
        raise RowError("field_type", f"{name} of a message is {str(value)[:40]!r}, not a weight") from None
