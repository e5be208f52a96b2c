"""Work cut into tasks that hand each other what they make. Whoever cuts it holds handles, not rows; where the tasks run
is told by the `Tasks` that it is given: in this process (`InProcess`), or on Ray (resources/engines/tasks.py)."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol

Handle = Any
"""Stands for what a task makes; only `values` and other tasks look into it."""


class Tasks(Protocol):
    """Where tasks run. Functions are of modules, safe to run again; arguments are handles or plain values."""

    def call(self, function: Callable[..., Any], *arguments: Any) -> Handle:
        """What the function makes of the arguments."""
        ...

    def parts(self, count: int, function: Callable[..., Any], *arguments: Any) -> list[Handle]:
        """The members of the sequence of `count` that the function makes, each by itself."""
        ...

    def values(self, handles: Iterable[Handle]) -> Iterator[Any]:
        """What the handles stand for, in their order."""
        ...


class InProcess:
    """Tasks in this process, each as it is called: handles are the values."""

    def call(self, function: Callable[..., Any], *arguments: Any) -> Handle:
        """See Tasks."""
        return function(*arguments)

    def parts(self, count: int, function: Callable[..., Any], *arguments: Any) -> list[Handle]:
        """See Tasks."""
        made = list(function(*arguments))
        if len(made) != count:
            raise ValueError(f"{count} parts were promised, {len(made)} made")
        return made

    def values(self, handles: Iterable[Handle]) -> Iterator[Any]:
        """See Tasks."""
        return iter(handles)
