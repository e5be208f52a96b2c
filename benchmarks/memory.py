"""What a piece of work takes of the memory, all its processes together."""

import threading

import psutil


class Memory:
    """Peak of proportional memory of this process and its children, above the start, in MB."""

    def __init__(self) -> None:
        self.peak_mb = 0.0
        self.start_mb = self._now()
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self._watch, daemon=True)

    def _now(self) -> float:
        total = 0
        me = psutil.Process()
        for process in [me, *me.children(recursive=True)]:
            try:
                total += process.memory_full_info().pss
            except psutil.Error:
                continue
        return total / 1e6

    def _watch(self) -> None:
        while not self.stop.wait(0.05):
            self.peak_mb = max(self.peak_mb, self._now() - self.start_mb)

    def __enter__(self) -> "Memory":
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        self.thread.join()
