"""What each column of an audit's measures says: the sentence of the audit's own page that names it, else what the
column says in every table."""

import re

from ops.audits.contract import KEYS, Audit
from ops.core.columns import meaning

_BULLET = re.compile(r"^- ", re.MULTILINE)
_SENTENCE = re.compile(r"(?<=[.;])\s+(?=[A-Z`])|\n\n")
_MOST_LETTERS = 400


def column_meaning(audit: Audit, column: str) -> str:
    """The sentences of the audit's page that name the column; keys mean the same in every audit."""
    if column in KEYS[audit.grain].names or column == "identity":
        return meaning(audit.table, column)
    parts = [" ".join(part.split()) for block in _BULLET.split(audit.page) for part in _SENTENCE.split(block)]
    named = " ".join(part for part in parts if f"`{column}`" in part)
    return named[:_MOST_LETTERS] or meaning(audit.table, column)
