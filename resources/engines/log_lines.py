"""Log lines as JSON, for whatever collects logs: one object a line, with the run, the step and the drop it is of."""

import json
import logging
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import IO

_NOTHING: Mapping[str, str] = {}
_SUBJECT: ContextVar[Mapping[str, str]] = ContextVar("subject", default=_NOTHING)


@contextmanager
def lines_about(**names: str) -> Generator[None]:
    """Lines that are logged inside carry these names, such as run, step and drop; empty ones are left out."""
    token = _SUBJECT.set({**_SUBJECT.get(), **{name: value for name, value in names.items() if value}})
    try:
        yield
    finally:
        _SUBJECT.reset(token)


class JsonLines(logging.Formatter):
    """`at` (UTC, ISO 8601), `level`, `message`, and what `lines_about` names."""

    def format(self, record: logging.LogRecord) -> str:
        """The object, in one line whatever the message holds."""
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line = {"at": at, "level": record.levelname.lower(), "message": record.getMessage(), **_SUBJECT.get()}
        # ASCII alone: other line ends than ours, and halves of surrogate pairs as in names of files, are escaped.
        return json.dumps(line)


def json_logger(stream: IO[str]) -> logging.Logger:
    """A logger of its own that writes such lines there."""
    logger = logging.Logger("console", logging.INFO)
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines())
    logger.addHandler(handler)
    return logger
