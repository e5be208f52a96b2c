"""A library's function, or constant, replaced for a while: where a library has no switch for what must not happen."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any


@contextmanager
def replaced(module: Any, name: str, value: Any) -> Generator[None]:
    """AttributeError where there is no such thing: a release that moved it would else do what must not be done."""
    before = getattr(module, name)
    setattr(module, name, value)
    try:
        yield
    finally:
        setattr(module, name, before)
