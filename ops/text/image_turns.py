"""The turns of examples that show images, as the statements that are scored against them."""

from dataclasses import dataclass
from functools import lru_cache

import pyarrow as pa

from ops.core.turns import Turn, read_turns
from ops.text.statements import Statement, make_statement
from ops.text.text_parts import TextParts, split_parts

_statement = lru_cache(maxsize=65536)(make_statement)


@dataclass(frozen=True, slots=True)
class ImageTurn:
    """A turn of an example that shows images, as the statement that is scored."""

    turn: Turn
    statement: Statement
    image_ids: tuple[str, ...]

    @property
    def parts(self) -> TextParts:
        """The sentences and noun phrases of a long statement; none of a short or uninformative one."""
        return TextParts() if self.statement.uninformative else split_parts(self.statement.text)


def image_turns(examples: pa.Table) -> list[ImageTurn]:
    """The turns of those examples that show images."""
    image_ids = [tuple(ids or ()) for ids in examples["image_ids"].to_pylist()]
    return [
        ImageTurn(turn, _statement(turn.query, turn.answer), image_ids[turn.row])
        for turn in read_turns(examples)
        if image_ids[turn.row]
    ]


def statement_texts(examples: pa.Table) -> list[str]:
    """The statements that say something of an image; the bank's texts are drawn from them."""
    return [one.statement.text for one in image_turns(examples) if not one.statement.uninformative]
