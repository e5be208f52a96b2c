"""The texts of examples that corpus audits compare by the encoder's vectors, exactly as the lake stores them.

A vector is found by the hash of its text, so that a text embedded here with one space more would never be found there.
"""

import re
from collections.abc import Iterator, Sequence

import pyarrow as pa

from ops.core.stored import StoredMessage
from ops.core.turns import CANDIDATE_ROLES, message_text
from ops.intake.rows import whole_query
from ops.text.soft_queries import fits_encoder

FEWEST_WORDS = 6
"""Words of the shortest answer that is embedded."""

_WORD = re.compile(r"\w+")


def judged_queries(examples: pa.Table) -> list[str]:
    """What the preference examples of a batch (schemas.EXAMPLES) ask, as `preferences.query` has it; those that every
    encoder reads to their end."""
    queries = {judged_query(messages) for kind, messages, _ in _rows(examples) if kind == "preference"}
    return sorted(filter(fits_encoder, queries))


def told_answers(examples: pa.Table) -> list[str]:
    """The SFT answers and the judged responses of a batch about images, of at least `FEWEST_WORDS` words."""
    texts = {
        message_text(message)
        for kind, messages, images in _rows(examples)
        if images
        for message in messages
        if message["role"] in (CANDIDATE_ROLES if kind == "preference" else ("assistant",))
    }
    return sorted(text for text in texts if len(_WORD.findall(text)) >= FEWEST_WORDS)


def judged_query(messages: Sequence[StoredMessage]) -> str:
    """The one question before the candidates, or the whole conversation where there were turns before it."""
    return whole_query((message["role"], message_text(message)) for message in messages)


def _rows(examples: pa.Table) -> Iterator[tuple[str, Sequence[StoredMessage], Sequence[str]]]:
    columns = (examples[name].to_pylist() for name in ("kind", "messages", "image_ids"))
    for kind, messages, images in zip(*columns, strict=True):
        yield kind, messages or (), images or ()
