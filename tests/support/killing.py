"""A command in a process group of its own, killed when something real has happened."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import psutil

ROOT = Path(__file__).parents[2]
ASSAY = (sys.executable, "-c", "from pipelines.cli import main; main()")
_MARK = "ASSAY_TEST_GROUP"


@dataclass
class Group:
    """The process, what it writes, and all that came of it: they inherit a mark in their environment."""

    command: tuple[str, ...]
    log: Path
    environment: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.mark = uuid4().hex
        variables = {name: value for name, value in os.environ.items() if name not in ("DAGSTER_HOME", "RAY_ADDRESS")}
        with self.log.open("wb") as out:
            self.process = subprocess.Popen(
                self.command,
                cwd=ROOT,
                env={**variables, "PYTHONPATH": str(ROOT), _MARK: self.mark, **self.environment},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def wait_for(self, happened: Callable[[str], bool], *, within_s: float = 600) -> None:
        """Until that is so, which is given what was written; fails where the process ends before."""
        end = time.monotonic() + within_s
        while not happened(self.output()):
            assert self.process.poll() is None, f"ended with {self.process.returncode} before:\n{self.output()}"
            assert time.monotonic() < end, f"not within {within_s} s:\n{self.output()}"
            time.sleep(0.005)

    def output(self) -> str:
        """What it wrote so far."""
        return self.log.read_text(errors="replace")

    def signal(self, number: signal.Signals = signal.SIGKILL) -> int:
        """Sends it to the group; returns the exit status."""
        os.killpg(self.process.pid, number)
        return self.process.wait(120)

    def left(self) -> list[psutil.Process]:
        """The processes that came of it and are there still."""
        return [process for process in psutil.process_iter() if _is_of(process, self.mark)]

    def gone(self, *, within_s: float) -> bool:
        """Whether all of them end within that time."""
        end = time.monotonic() + within_s
        while self.left() and time.monotonic() < end:
            time.sleep(0.2)
        return not self.left()

    def end(self) -> None:
        """Ends what is left of it."""
        for process in self.left():
            process.kill()


def _is_of(process: psutil.Process, mark: str) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE and process.environ().get(_MARK) == mark
    except psutil.Error:
        return False
