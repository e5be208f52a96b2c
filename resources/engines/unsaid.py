"""One line that a library writes to standard error before it can be told not to."""

import os
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager

_STDERR = 2


@contextmanager
def leaving_out(words: str) -> Generator[None]:
    """While it lasts, lines with these words do not reach standard error; all others do, as they come.

    It stands below Python, for native code writes to the descriptor. Keep it short: a process started meanwhile that
    inherits standard error would write to a pipe that nobody reads any more.
    """
    sys.stderr.flush()
    true_stderr = os.dup(_STDERR)
    source, sink = os.pipe()
    os.dup2(sink, _STDERR)
    os.close(sink)
    copier = threading.Thread(target=_copy, args=(source, true_stderr, words.encode()), daemon=True)
    copier.start()
    try:
        yield
    finally:
        sys.stderr.flush()
        os.dup2(true_stderr, _STDERR)  # closes the pipe's last end, so that the copier sees its end
        copier.join(timeout=5)
        os.close(true_stderr)


def _copy(source: int, to: int, words: bytes) -> None:
    with open(source, "rb") as lines:
        for line in lines:
            if words not in line:
                os.write(to, line)
