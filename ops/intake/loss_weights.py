"""Weights of single turns in the loss, as an example's metadata keeps them: `loss_weights`, one for each of its stored
messages, null where the role says it (an answer counts 1, all else nothing)."""

import json
from collections.abc import Sequence

from ops.core.json_values import Cell, Fields, fields_of
from ops.intake.row import Message

LOSS_WEIGHTS = "loss_weights"
_DELIVERED = "loss_weights_delivered"
"""What a column of the row's own that has that name is called."""


def with_loss_weights(metadata: Fields, messages: Sequence[Message]) -> dict[str, Cell]:
    """The metadata of a row with the weights of its messages, where one has a weight of its own."""
    kept = {_DELIVERED if name == LOSS_WEIGHTS else name: value for name, value in metadata.items()}
    weights = [message.loss for message in messages]
    return kept | {LOSS_WEIGHTS: weights} if any(weight is not None for weight in weights) else kept


def loss_weights(metadata: str) -> list[float | None] | None:
    """The weights that an example's metadata (JSON) keeps; None where its roles say all."""
    if f'"{LOSS_WEIGHTS}"' not in metadata:
        return None
    weights = fields_of(json.loads(metadata)).get(LOSS_WEIGHTS)
    if not isinstance(weights, list):
        return None
    return [float(weight) if isinstance(weight, int | float) and weight > 0 else None for weight in weights]
