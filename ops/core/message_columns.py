"""The messages of a batch of examples as flat columns, for what is counted over all of them at once."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from ops.core.arrow import Column, array_of, fill_null, flags, is_in, list_members, list_parents, struct_values, whole


@dataclass(frozen=True, slots=True)
class MessageColumns:
    """The messages (m) of `examples` rows, and their parts (p), one after the other."""

    examples: int
    owner: np.ndarray
    """The row of each message's example (m)."""
    role: Column
    message: np.ndarray
    """The place of each part's message (p)."""
    text: Column
    """The text of each part (p); empty where it has none."""

    def is_of(self, *roles: str) -> np.ndarray:
        """Which messages (m, bool) have one of these roles."""
        return flags(is_in(self.role, array_of(roles, pa.string())))

    def over_messages(self, values: np.ndarray) -> np.ndarray:
        """The sum for each example of a value a message (m)."""
        return np.bincount(self.owner, weights=values, minlength=self.examples)

    def over_parts(self, values: np.ndarray, places: np.ndarray) -> np.ndarray:
        """The sum for each example of a value of each part at these places."""
        return np.bincount(self.owner[self.message[places]], weights=values, minlength=self.examples)


def message_columns(examples: pa.Table) -> MessageColumns:
    """The messages of the examples (schemas.EXAMPLES)."""
    messages = whole(examples, "messages")
    flat = list_members(messages)
    parts = struct_values(flat, "parts")
    texts = fill_null(struct_values(list_members(parts), "text"), "")
    return MessageColumns(
        examples.num_rows, list_parents(messages), struct_values(flat, "role"), list_parents(parts), texts
    )
