"""A drop behind an S3 address, from a real S3 server on loopback: the same tables as from a folder."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from ops.intake.drop import is_complete
from ops.intake.drop_files import open_drop
from ops.intake.rows import IngestSettings
from resources.engines.progress import SilentProgress
from resources.intake.ingest import ingest
from resources.lake.tables import Lake
from tests.support.drops import everything, llava, make_drop


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


@pytest.fixture
def workers_that_know_the_server(ray_session: None, bucket: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Ray started anew: workers have the environment of the time when Ray started."""
    import ray

    from resources.engines.ray import start_ray

    ray.shutdown()
    start_ray(num_cpus=2, object_store_bytes=300_000_000)
    yield
    ray.shutdown()
    monkeypatch.undo()
    start_ray(num_cpus=2, object_store_bytes=300_000_000)


def without_source(tables: dict[str, list[dict]]) -> dict[str, list[dict]]:
    return {**tables, "drops": [{**row, "source": None} for row in tables["drops"]]}


@pytest.mark.full
def test_a_drop_on_s3(bucket: str, tmp_path: Path, workers_that_know_the_server: None):
    import s3fs

    rows = [llava(n, f"{n % 4}.png") for n in range(30)] + [llava(40, "gone.png"), llava(41, "../../other/x.png")]
    folder = make_drop(tmp_path / "drop", rows, [{"prompt": "What?", "chosen": "a", "rejected": "b"}])
    storage = s3fs.S3FileSystem()
    storage.put(str(folder), "drops/flowers", recursive=True)
    address = f"{bucket}/flowers"
    assert not is_complete(open_drop(address).listing())
    storage.touch("drops/flowers/_SUCCESS")
    assert is_complete(open_drop(address).listing())

    remote, local = Lake(tmp_path / "remote"), Lake(tmp_path / "local")
    for lake, drop in ((remote, address), (local, folder)):
        delivery = ingest(lake, drop, "flowers", settings=IngestSettings(), progress=SilentProgress())
        assert (delivery.rows_kept, delivery.rows_quarantined, delivery.fresh) == (31, 2, True)
    assert without_source(everything(remote)) == without_source(everything(local))
    again = ingest(remote, address, "flowers", settings=IngestSettings(), progress=SilentProgress())
    assert not again.fresh
