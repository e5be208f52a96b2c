"""What the command line says when something goes wrong: one line, and an exit status that a scheduler can act on."""

import builtins
import os
import sys
import tempfile
import traceback
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import typer
from rich.console import Console, ConsoleOptions, RenderableType
from rich.markup import escape
from rich.segment import Segment
from rich.text import Text

from ops.core.errors import AssayError, mendable_names
from ops.core.printable import printable
from resources.config.located_yaml import SettingsError
from resources.config.places import PlaceError
from resources.engines.private import private_folder
from resources.versions.code_identity import code_identity

DONE, FAILED, WRONG_USAGE, FAULT = 0, 1, 2, 3
"""Exit statuses: done; a gate failed or the data cannot be used; wrong usage; a fault of Assay itself."""

MENDABLE = (AssayError, OSError, MemoryError)
"""What whoever calls can mend: what Assay says by itself, and what the machine says: no such file, no room left."""

ENGINES = {
    "DagsterExecutionInterruptedError",  # the run was told to stop
    "OutOfMemoryError",
    "ObjectStoreFullError",
    "OutOfDiskError",
    "NodeDiedError",
    "WorkerCrashedError",
}
"""What the engines say of the machine and of whoever runs them; known by name: no engine is imported here."""


class SafeConsole(Console):
    """A console that shows what data says and never obeys it: control characters and half surrogates are escaped, in
    sentences and in the cells of tables. Nothing is highlighted by pattern: on an id of 100,000 characters Rich's
    patterns take minutes."""

    def render_str(self, text: str, **options: Any) -> Text:
        return super().render_str(printable(text), **options)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterator[Segment]:
        for text, style, control in super().render(renderable, options):
            yield Segment(text if control else printable(text), style, control)


out = SafeConsole(highlight=False)
err = SafeConsole(stderr=True, highlight=False)


@contextmanager
def reporting_errors(lake: str | Path | None = None, *, debug: bool = False) -> Generator[None]:
    """Turns errors into one clear line and the exit status that fits; with `debug` the trace stands above it.

    An error that nobody outside the code can mend is called a fault of Assay, and its trace is kept in a file: in the
    lake's private folder, or, without a lake on this machine, in the folder for temporary files.
    """
    try:
        yield
    except (typer.Exit, typer.Abort, typer.BadParameter, BrokenPipeError):
        raise
    except MENDABLE as error:
        if debug:
            err.print(traceback.format_exc(), markup=False, highlight=False, soft_wrap=True)
        say_error(message_of(error))
        raise typer.Exit(WRONG_USAGE if isinstance(error, SettingsError | PlaceError) else FAILED) from None
    except Exception as error:
        if debug:
            err.print(traceback.format_exc(), markup=False, highlight=False, soft_wrap=True)
        say_fault(f"{type(error).__name__}: {error}", traceback.format_exc(), lake)
        raise typer.Exit(FAULT) from None


def is_mendable(class_name: str) -> bool:
    """Whether an error of that class, of which a run's record keeps the name alone, is one that a caller can mend."""
    name = class_name.removeprefix("RayTaskError(").removesuffix(")")
    kind = getattr(builtins, name, None)
    return name in mendable_names() | ENGINES or (isinstance(kind, type) and issubclass(kind, MENDABLE))


def message_of(error: BaseException) -> str:
    """The error in words, one line where it is the machine's own."""
    if isinstance(error, OSError) and error.strerror and not isinstance(error, AssayError):
        place = f"{error.filename}: " if error.filename else ""
        return f"{place}{error.strerror}"
    if isinstance(error, MemoryError):
        return f"there is not enough memory ({error})" if str(error) else "there is not enough memory"
    return str(error) or type(error).__name__


def say_error(message: str) -> None:
    """Prints what a caller can mend."""
    err.print("[bold red]error:[/]", escape(message), markup=True, highlight=False, soft_wrap=True)


def say_fault(summary: str, trace: str, lake: str | Path | None) -> None:
    """Keeps the trace of an error that nobody outside the code can mend, and prints where it lies."""
    try:
        place = f"its trace is in {write_trace(trace, lake)}; please report it with that file"
    except OSError as error:
        err.print(trace, markup=False, highlight=False, soft_wrap=True)
        place = f"its trace stands above, for no file could be written ({message_of(error)})"
    line = f"{escape(summary)}: this is a fault of Assay, not of your data; {place}"
    err.print("[bold red]fault:[/]", line, highlight=False, soft_wrap=True)


def write_trace(trace: str, lake: str | Path | None) -> Path:
    """The file, for its owner alone, that now holds the trace and what it takes to understand it."""
    folder = trace_folder(lake)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    stamp = datetime.now(UTC)
    handle, name = tempfile.mkstemp(prefix=f"assay-{stamp:%Y%m%d-%H%M%S}-", suffix=".txt", dir=folder)
    with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
        file.write(f"{stamp.isoformat(timespec='seconds')}  assay {version('assay')}, code {code_identity()}\n")
        file.write(f"Python {sys.version.split()[0]} on {sys.platform}\n{' '.join(sys.argv)}\n\n{trace}")
    return Path(name)


def trace_folder(lake: str | Path | None) -> Path:
    """The lake's private folder where the lake is a folder that exists; else the folder for temporary files. A mistyped
    `--lake` makes no folder."""
    folder = None if lake is None or "://" in str(lake) else Path(lake).expanduser().absolute()
    if folder is None or not folder.is_dir():
        return Path(tempfile.gettempdir())
    return private_folder(str(folder)) / "faults"
