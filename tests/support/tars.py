"""Shards of webdataset, by the library's own writer and without it."""

import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

WriteTar = Callable[[Path, list[dict[str, Any]]], None]


def tar_by_hand(path: Path, samples: list[dict[str, Any]]) -> None:
    """A shard as webdataset lays it out, without its import of torch."""
    with tarfile.open(path, "w:gz" if path.suffix == ".gz" else "w") as tar:
        for sample in samples:
            for extension in sorted(sample.keys() - {"__key__"}):
                value = sample[extension]
                written = json.dumps(value) if isinstance(value, dict) else value
                data = written.encode() if isinstance(written, str) else written
                info = tarfile.TarInfo(f"{sample['__key__']}.{extension}")
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))


def tar_by_webdataset(path: Path, samples: list[dict[str, Any]]) -> None:
    wds = pytest.importorskip("webdataset")
    with wds.TarWriter(str(path), compress=path.suffix == ".gz") as writer:
        for sample in samples:
            writer.write(sample)
