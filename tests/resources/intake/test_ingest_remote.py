"""A drop behind an S3 address, from a real S3 server on loopback: the same tables as from a folder."""

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ops.intake.drop import is_complete
from ops.intake.drop_files import open_drop
from resources.lake.tables import Lake
from tests.support.drops import everything, llava, make_drop

ROOT = Path(__file__).resolve().parents[3]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    server_module = pytest.importorskip("moto.server")
    s3fs = pytest.importorskip("s3fs")
    port = free_port()
    server = server_module.ThreadedMotoServer(ip_address="127.0.0.1", port=port, verbose=False)
    server.start()
    known = {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    for name, value in known.items():
        monkeypatch.setenv(name, value)
    s3fs.S3FileSystem.clear_instance_cache()
    s3fs.S3FileSystem().mkdir("drops")
    yield "s3://drops"
    server.stop()
    s3fs.S3FileSystem.clear_instance_cache()


def called(**words: object) -> list[list[object]]:
    """What ingest says in a process of its own: the workers of this one's Ray do not know the server."""
    command = [sys.executable, "-m", "tests.support.called", "tests.support.remote_drop:ingested", json.dumps(words)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def without_source(tables: dict[str, list[dict]]) -> dict[str, list[dict]]:
    return {**tables, "drops": [{**row, "source": None} for row in tables["drops"]]}


@pytest.mark.full
def test_a_drop_on_s3(bucket: str, tmp_path: Path):
    import s3fs

    rows = [llava(n, f"{n % 4}.png") for n in range(30)] + [llava(40, "gone.png"), llava(41, "../../other/x.png")]
    folder = make_drop(tmp_path / "drop", rows, [{"prompt": "What?", "chosen": "a", "rejected": "b"}])
    storage = s3fs.S3FileSystem()
    storage.put(str(folder), "drops/flowers", recursive=True)
    address = f"{bucket}/flowers"
    assert not is_complete(open_drop(address).listing())
    storage.touch("drops/flowers/_SUCCESS")
    assert is_complete(open_drop(address).listing())

    assert called(lake=str(tmp_path / "remote"), source=address, times=2) == [[31, 2, True], [31, 2, False]]
    assert called(lake=str(tmp_path / "local"), source=str(folder), times=1) == [[31, 2, True]]
    remote, local = (everything(Lake(tmp_path / name)) for name in ("remote", "local"))
    assert without_source(remote) == without_source(local)
