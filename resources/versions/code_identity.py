"""Which code made a version."""

import hashlib
from functools import cache
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]
_ROOMS = ("assets", "ops", "pipelines", "resources")


@cache
def code_identity() -> str:
    """Hash (16 hex digits) of every Python file of the four rooms; needs no git, and sees uncommitted edits."""
    state = hashlib.sha256()
    for path in sorted(p for room in _ROOMS for p in (_ROOT / room).rglob("*.py")):
        state.update(str(path.relative_to(_ROOT)).encode())
        state.update(hashlib.sha256(path.read_bytes()).digest())
    return state.hexdigest()[:16]
