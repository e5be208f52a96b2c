"""Files that somebody else named."""

import os
from pathlib import Path

import pytest

from ops.core.regular_files import open_regular, read_regular


@pytest.mark.timeout(20)
@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, lambda path: os.symlink(path, path), lambda path: None])
def test_what_is_no_file_is_an_error_at_once(tmp_path: Path, make):
    make(tmp_path / "x")
    with pytest.raises(OSError, match=r"."):
        open_regular(tmp_path / "x")


@pytest.mark.timeout(20)
@pytest.mark.parametrize("device", ["/dev/zero", "/dev/stdin", "/dev/tty"])
def test_devices_are_not_opened(device: str):
    with pytest.raises(OSError, match=r"."):
        open_regular(device)


def test_a_file_is_read_up_to_its_limit(tmp_path: Path):
    (tmp_path / "x").write_bytes(b"12345")
    assert read_regular(tmp_path / "x", limit=5) == b"12345"
    with pytest.raises(OSError, match="larger than 4 bytes"):
        read_regular(tmp_path / "x", limit=4)


def test_a_file_replaced_by_a_pipe_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "x").write_bytes(b"x")
    real = os.open

    def late(path: Path, flags: int) -> int:
        os.unlink(path)
        os.mkfifo(path)
        return real(path, flags)

    monkeypatch.setattr(os, "open", late)
    with pytest.raises(OSError, match="no file"):
        open_regular(tmp_path / "x")
