"""Processes of this machine by names that no later process gets: its host, its number and when it began."""

import os
import socket
from pathlib import Path


def process_name() -> str:
    """The name of this process."""
    return f"{socket.gethostname()}:{os.getpid()}:{_began(os.getpid())}"


def has_ended(name: str) -> bool:
    """Whether the process of that name was one of this machine and is no more; of other machines nobody knows."""
    host, number, began = name.rsplit(":", 2)
    return host == socket.gethostname() and _began(int(number)) != began


def _began(number: int) -> str:
    """When a process began, in ticks since the machine did; empty where there is none."""
    try:
        status = Path(f"/proc/{number}/stat").read_text()
    except OSError:
        return ""
    return status.rpartition(")")[2].split()[19]
