"""Object stores as servers in processes of their own, on loopback: each with an address and what a client is told."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.request import Request, urlopen

from tests.support.buckets import make_bucket

ROOT = Path(__file__).resolve().parents[2]
AZURITE_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="  # everybody's


@dataclass(frozen=True, slots=True)
class Store:
    """A bucket or container that is there, and the environment that leads to it."""

    address: str
    variables: Mapping[str, str]
    pid: int


def free_port() -> int:
    """A port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def s3_store(bucket: str = "shelf") -> Iterator[Store]:
    """moto's S3."""
    port = free_port()
    with _serving([sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)], port) as pid:
        make_bucket(f"http://127.0.0.1:{port}/{bucket}")
        yield Store(f"s3://{bucket}", s3_variables(f"http://127.0.0.1:{port}"), pid)


def s3_variables(endpoint: str) -> dict[str, str]:
    """The environment of an S3 server."""
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_REGION": "us-east-1",
    }


@contextmanager
def proxied(endpoint: str, *, forgets: str = "nothing") -> Iterator[str]:
    """The address of a server that passes requests on to that of a store (tests/support/store_proxy.py)."""
    host, port = endpoint.removeprefix("http://").split(":")
    words = [sys.executable, "-m", "tests.support.store_proxy", host, port, forgets]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, cwd=ROOT) as server:
        try:
            assert server.stdout is not None
            yield f"http://127.0.0.1:{server.stdout.readline().strip()}"
        finally:
            server.kill()


def make_trouble(proxy: str, seconds: float) -> None:
    """For so long the server in between fails."""
    request = Request(f"{proxy}/-/trouble", str(seconds).encode(), method="PUT")  # noqa: S310 - on loopback
    urlopen(request, timeout=10).close()  # noqa: S310


@contextmanager
def gcs_store(program: str, folder: Path) -> Iterator[Store]:
    """fake-gcs-server, which must be installed beforehand."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    words = [program, "-scheme", "http", "-host", "127.0.0.1", "-port", str(port), "-backend", "memory"]
    words += ["-external-url", url, "-public-host", f"127.0.0.1:{port}"]
    with _serving(words, port) as pid:
        _post(f"{url}/storage/v1/b?project=p", b'{"name": "shelf"}')
        yield Store("gs://shelf", {"STORAGE_EMULATOR_HOST": url, "GOOGLE_SKIP_SIGNATURE": "true"}, pid)


@contextmanager
def azure_store(program: str, folder: Path) -> Iterator[Store]:
    """Azurite, which must be installed beforehand."""
    from pyarrow.fs import AzureFileSystem

    port = free_port()
    words = [program, "--blobHost", "127.0.0.1", "--blobPort", str(port), "--location", str(folder), "--silent"]
    with _serving([*words, "--skipApiVersionCheck"], port) as pid:
        host = f"127.0.0.1:{port}"
        AzureFileSystem(
            "devstoreaccount1",
            account_key=AZURITE_KEY,
            blob_storage_authority=host,
            dfs_storage_authority=host,
            blob_storage_scheme="http",
            dfs_storage_scheme="http",
        ).create_dir("shelf")
        variables = {
            "AZURE_STORAGE_ACCOUNT_NAME": "devstoreaccount1",
            "AZURE_STORAGE_ACCOUNT_KEY": AZURITE_KEY,
            "AZURE_STORAGE_ENDPOINT": f"http://{host}/devstoreaccount1",
        }
        yield Store("az://shelf", variables, pid)


EMULATORS = {"gs": ("fake-gcs-server", gcs_store), "az": ("azurite-blob", azure_store)}
"""Programs that no package of the lock brings: by scheme, the name that they are looked for under on PATH."""


def emulator(scheme: str) -> str | None:
    """Where the program of a scheme's emulator is."""
    return shutil.which(EMULATORS[scheme][0])


@contextmanager
def _serving(words: list[str], port: int) -> Iterator[int]:
    """The server of that command, once it answers; ended by its own id."""
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(words, env={**os.environ, "MOTO_LOG": "error"}, **quiet) as server:
        try:
            _wait(server, port)
            yield server.pid
        finally:
            server.kill()


def _wait(server: subprocess.Popen[bytes], port: int) -> None:
    for _ in range(600):
        if server.poll() is not None:
            raise RuntimeError(f"the server ended with {server.returncode}")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise RuntimeError("the server does not answer")


def _post(url: str, body: bytes) -> None:
    request = Request(url, body, {"Content-Type": "application/json"})  # noqa: S310 - on loopback
    urlopen(request, timeout=10).close()  # noqa: S310
