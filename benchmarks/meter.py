"""What a step costs: seconds by the clock and of the processor, memory of the driver and of all processes, files."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

_EVERY_S = 0.2


@dataclass(slots=True)
class Cost:
    """Of one step: seconds by the clock; of the processor, all processes together; peaks in GB of this process
    (resident) and of it and its children together (proportional); Parquet files that it left under a folder."""

    wall_s: float = 0.0
    cpu_s: float = 0.0
    driver_gb: float = 0.0
    all_gb: float = 0.0
    files: int = 0


@contextmanager
def metered(folder: Path) -> Iterator[Cost]:
    """The cost of the block, filled in at its end. Processes that live shorter than 0.2 s are not seen."""
    Path("/proc/self/clear_refs").write_text("5")  # the kernel's peak starts anew (Linux)
    before = _parquet_files(folder)
    cost, began = Cost(), time.perf_counter()
    with _Watch() as watch:
        yield cost
        cost.wall_s = time.perf_counter() - began
    cost.cpu_s, cost.all_gb = watch.cpu_s, watch.peak_gb
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    cost.driver_gb = int(status["VmHWM"].split()[0]) / 1e6
    cost.files = _parquet_files(folder) - before


def _parquet_files(folder: Path) -> int:
    return sum(1 for _ in folder.rglob("*.parquet"))


class _Watch:
    """Samples the process and its children by a thread."""

    def __init__(self) -> None:
        self.peak_gb = 0.0
        self._seconds: dict[tuple[int, float], float] = {}
        self._look()
        self._at_start = sum(self._seconds.values())
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    @property
    def cpu_s(self) -> float:
        """Processor seconds since the start, of processes that have ended as well."""
        return sum(self._seconds.values()) - self._at_start

    def _look(self) -> None:
        me, total = psutil.Process(), 0
        for process in [me, *me.children(recursive=True)]:
            try:
                spent = process.cpu_times()
                self._seconds[process.pid, process.create_time()] = spent.user + spent.system
                total += process.memory_full_info().pss
            except psutil.Error:
                continue
        self.peak_gb = max(self.peak_gb, total / 1e9)

    def _run(self) -> None:
        while not self._stop.wait(_EVERY_S):
            self._look()

    def __enter__(self) -> "_Watch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self._look()
