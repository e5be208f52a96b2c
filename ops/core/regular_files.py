"""Opening files that somebody else named: a pipe, a device or a folder is an error at once, never waited for."""

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO


def open_regular(path: str | Path) -> BinaryIO:
    """The bytes of a regular file. `OSError` where there is none, or where it is something else."""
    if not stat.S_ISREG(os.stat(path).st_mode):
        raise _no_file(path)
    # It may have been replaced meanwhile: a pipe is not waited for, and what was opened is looked at again.
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise _no_file(path)
    return os.fdopen(handle, "rb")


def read_regular(path: str | Path, *, limit: int) -> bytes:
    """A regular file of at most `limit` bytes; `OSError` where it is none, or larger."""
    with open_regular(path) as stream:
        data = stream.read(limit + 1)
    if len(data) > limit:
        raise OSError(errno.EFBIG, f"larger than {limit} bytes", str(path))
    return data


def _no_file(path: str | Path) -> OSError:
    return OSError(errno.EINVAL, "a folder, a pipe or a device, no file", str(path))
