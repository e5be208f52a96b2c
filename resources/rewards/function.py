"""A reward function of a user, asked in a process of its own (resources/rewards/child.py) under a time limit."""

import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from ops.core.errors import AssayError, UnusableError
from resources.rewards.child import NO_NAMESPACE

STYLES = ("trl", "trl-text", "verl")
#: What the process may know of its surroundings.
_ENVIRONMENT = ("PATH", "HOME", "LANG", "LC_ALL", "PYTHONPATH", "VIRTUAL_ENV", "CUDA_VISIBLE_DEVICES", "HF_HOME")


class RewardError(AssayError, RuntimeError):
    """A reward that cannot be asked; the message says why and what to do."""


class RewardFailureError(Exception):
    """What a reward raised, or did not answer, of a batch that it was asked."""


class RewardFunction:
    """A function of a file, as the context of a `with`: its process ends with it."""

    def __init__(
        self, path: Path, name: str, *, style: str = "trl", timeout_s: float = 60.0, network: bool = False
    ) -> None:
        """UnusableError where there is no such file; RewardError where the function cannot be loaded, or where its
        network cannot be taken away."""
        if not path.is_file():
            raise UnusableError(f"{path} is no file; give FILE.py:FUNCTION")
        self._timeout_s = timeout_s
        self._label = f"{path.name}:{name}"
        command = [sys.executable, "-m", "resources.rewards.child", str(path.resolve()), name, style]
        environment = {key: os.environ[key] for key in _ENVIRONMENT if key in os.environ}
        root = str(Path(__file__).resolve().parents[2])
        environment["PYTHONPATH"] = os.pathsep.join([root, *filter(None, [environment.get("PYTHONPATH")])])
        self._process = subprocess.Popen(
            [*command, "allowed" if network else "none"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            start_new_session=True,
        )
        self._buffer = b""
        self._errors = b""
        try:
            started = self._reply()
            if "ready" not in started:
                raise RewardError(f"{self._label} cannot be loaded: {started.get('error')}")
        except RewardFailureError as failure:
            self.close()
            if self._process.returncode == NO_NAMESPACE:
                raise RewardError(
                    "the network cannot be taken from the reward's process here; allow it with --allow-network"
                ) from None
            raise RewardError(f"{self._label} cannot be started: {failure}") from None
        except RewardError:
            self.close()
            raise

    def __enter__(self) -> "RewardFunction":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def rewards(self, rows: Sequence[Mapping[str, Any]]) -> list[float | None]:
        """The rewards of rows (`prompt`, `question`, `completion`, `ground_truth`, `images` as paths, `data_source`)
        asked as one batch. RewardFailureError with what the function raised; RewardError where it does not answer in
        time, or its process has ended."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(list(rows)).encode() + b"\n")
            self._process.stdin.flush()
            reply = self._reply()
        except (BrokenPipeError, RewardFailureError) as failure:
            self.close()
            raise RewardError(f"{self._label}: its process ended: {failure}") from None
        if "error" in reply:
            raise RewardFailureError(reply["error"])
        return reply["rewards"]

    def close(self) -> None:
        """Ends the process and all that it started."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()

    def _reply(self) -> dict[str, Any]:
        """The next line that the process writes."""
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        ends = time.monotonic() + self._timeout_s
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            selector.register(self._process.stderr, selectors.EVENT_READ)
            while b"\n" not in self._buffer:
                left = ends - time.monotonic()
                if left <= 0:
                    self.close()
                    raise RewardError(
                        f"{self._label} has not answered in {self._timeout_s:g} s; give it more with --timeout"
                    )
                for key, _ in selector.select(left):
                    self._take(key.fileobj is self._process.stdout, os.read(key.fd, 1 << 16), selector, key)
        line, _, self._buffer = self._buffer.partition(b"\n")
        return json.loads(line)

    def _take(self, is_reply: bool, data: bytes, selector: selectors.BaseSelector, key: selectors.SelectorKey) -> None:
        if is_reply:
            if not data:
                self._process.wait()
                last = self._errors.decode("utf-8", "replace").strip().splitlines()
                raise RewardFailureError(last[-1][:300] if last else f"exit status {self._process.returncode}")
            self._buffer += data
        elif data:
            self._errors = (self._errors + data)[-10_000:]
        else:
            selector.unregister(key.fileobj)
