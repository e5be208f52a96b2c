"""What a piece of work takes of this machine: time, and processor time of this process and of those that it started."""

import time
from dataclasses import dataclass

import psutil


@dataclass(slots=True)
class Taken:
    """Seconds that went by, and seconds of processors."""

    seconds: float = 0.0
    processor_seconds: float = 0.0


class Meter:
    """Runs from when it is made.

    Of engines that work on other machines only this one's share is seen; nothing is of processes that others than this
    one started, and that ended meanwhile.
    """

    def __init__(self) -> None:
        self._began, self._before = time.monotonic(), _processor_seconds()

    def read(self) -> Taken:
        """What was taken so far."""
        after = _processor_seconds()
        spent = sum(max(0.0, seconds - self._before.get(pid, 0.0)) for pid, seconds in after.items())
        return Taken(time.monotonic() - self._began, spent)


def _processor_seconds() -> dict[int, float]:
    """What each process has spent so far: this one, with the children that it has seen end, and all below it."""
    this = psutil.Process()
    own = this.cpu_times()
    spent = {this.pid: own.user + own.system + own.children_user + own.children_system}
    for process in this.children(recursive=True):
        try:
            times = process.cpu_times()
        except psutil.Error:
            continue  # it ended meanwhile
        spent[process.pid] = times.user + times.system
    return spent
