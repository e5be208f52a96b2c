"""Which process of this machine is there still: by a name that no later one gets, or by its number at some time."""

import os
import socket
import time
from pathlib import Path

_TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")


def process_name() -> str:
    """The name of this process: its host, its number and when it began."""
    return f"{socket.gethostname()}:{os.getpid()}:{_began(os.getpid())}"


def has_ended(name: str) -> bool:
    """Whether the process of that name was one of this machine and is no more; of other machines nobody knows."""
    host, number, began = name.rsplit(":", 2)
    return host == socket.gethostname() and _began(int(number)) != int(began or -1)


def is_there(number: int, at: float) -> bool:
    """Whether the process that had this number at that time (seconds since 1970) is there still, and no later one of
    the same number."""
    ticks = _began(number)
    machine_began = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
    return ticks is not None and machine_began + ticks / _TICKS_A_SECOND <= at


def _began(number: int) -> int | None:
    """When a process began, in ticks since the machine did; None where there is none, or it has ended and its parent
    has not seen it yet."""
    try:
        status = Path(f"/proc/{number}/stat").read_text()
    except OSError:
        return None
    state, *fields = status.rpartition(")")[2].split()
    return None if state == "Z" else int(fields[18])
