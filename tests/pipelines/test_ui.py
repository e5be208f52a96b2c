"""A page of another site, open in the same browser, can do nothing to the Dagster UI: against the real web server."""

import http.client
import json
import os
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest

from pipelines.ui import _name
from tests.support.killing import Group

pytestmark = pytest.mark.full

ROOT = Path(__file__).parents[2]
DEFINITIONS = """
    import dagster as dg

    drops = dg.DynamicPartitionsDefinition(name="drop")

    @dg.asset(partitions_def=drops)
    def rows() -> None: ...

    defs = dg.Definitions(assets=[rows])
"""
ADD = """
    mutation($key: String!) {
      addDynamicPartition(
        partitionsDefName: "drop", partitionKey: $key,
        repositorySelector: {repositoryName: "__repository__", repositoryLocationName: "definitions.py"}
      ) { __typename ... on PythonError { message } }
    }
"""


class Ui:
    """The web server on a port of its own."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.own = f"http://127.0.0.1:{port}"
        self.keys = 0

    def ask(self, method: str, path: str, body: str | None = None, **headers: str) -> tuple[int, str, dict[str, str]]:
        """Status, body and headers; `headers` in Python's spelling."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request(method, path, body, named)
        answer = connection.getresponse()
        return answer.status, answer.read().decode("utf-8", "replace"), {k.lower(): v for k, v in answer.getheaders()}

    def mutate(self, method: str, *, as_json: bool, **headers: str) -> tuple[int, bool]:
        """Status of an attempt to add a partition, in the address or in the body, and whether it was added."""
        self.keys += 1
        key = f"drop-{self.keys}"
        if as_json:
            sent = json.dumps({"query": ADD, "variables": {"key": key}})
            status, _, _ = self.ask(method, "/graphql", sent, **headers)
        else:
            query = urlencode({"query": ADD, "variables": json.dumps({"key": key})})
            status, _, _ = self.ask(method, f"/graphql?{query}", "x=1" if method == "POST" else None, **headers)
        return status, key in self.partitions()

    def partitions(self) -> str:
        query = '{assetNodeOrError(assetKey: {path: ["rows"]}) {... on AssetNode {partitionKeys}}}'
        status, body, _ = self.ask("POST", "/graphql", json.dumps({"query": query}), Content_Type="application/json")
        assert status == 200, body
        return body


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def served(folder: Path, module: str, *arguments: str) -> Iterator[Ui]:
    (folder / "definitions.py").write_text(textwrap.dedent(DEFINITIONS))
    (folder / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    port = free_port()
    place = ["-h", "127.0.0.1", "-p", str(port), "-f", str(folder / "definitions.py")]
    environment = {
        **os.environ,
        "DAGSTER_HOME": str(folder),
        "PYTHONPATH": str(ROOT),
        "ASSAY_UI_HOSTS": "assay.example",
    }
    command = [sys.executable, "-m", module, *arguments, *place]
    with subprocess.Popen(command, cwd=folder, env=environment) as process:
        ui = Ui(port)
        try:
            for _ in range(240):
                assert process.poll() is None, "the web server did not start"
                try:
                    if "partitionKeys" in ui.partitions():
                        break
                except OSError:
                    time.sleep(0.5)
            yield ui
        finally:
            process.terminate()
            process.wait(60)


@pytest.fixture(scope="module")
def ui(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ui]:
    yield from served(tmp_path_factory.mktemp("ui"), "pipelines.ui")


def test_the_guard_is_needed(tmp_path: Path) -> None:
    """Dagster alone does what another site asks for: an image's address is enough."""
    for bare in served(tmp_path, "dagster_webserver"):
        assert bare.mutate("GET", as_json=False, Host="evil.example", Accept="image/*") == (200, True)
        assert bare.mutate("POST", as_json=False, Origin="https://evil.example", Content_Type="text/plain") == (
            200,
            True,
        )


SIMPLE = ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "")


@pytest.mark.parametrize(
    "origin",
    ["https://evil.example", "null", "http://127.0.0.1:1", "http://127.0.0.1", "http://localhost.evil.example"],
)
@pytest.mark.parametrize("content_type", ["application/json", "application/graphql", *SIMPLE])
def test_page_of_another_site_posts_nothing(ui: Ui, origin: str, content_type: str) -> None:
    for as_json in (False, True):
        assert ui.mutate("POST", as_json=as_json, Origin=origin, Content_Type=content_type) == (403, False)


@pytest.mark.parametrize("content_type", [*SIMPLE, "text/plain; application/json", "application/graphql"])
def test_form_without_a_word_of_its_origin_posts_nothing(ui: Ui, content_type: str) -> None:
    for as_json in (False, True):
        assert ui.mutate("POST", as_json=as_json, Content_Type=content_type) == (403, False)


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "OPTIONS"])
def test_address_alone_changes_nothing(ui: Ui, method: str) -> None:
    status, added = ui.mutate(method, as_json=False, Accept="image/*")
    assert (status, added) == (403, False)
    status, added = ui.mutate(method, as_json=False, Accept="text/html")
    assert not added, "what is there for a person to read executes nothing"


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:3000",
        "127.0.0.1.evil.example",
        "[::1].evil.example",
        "10.0.0.1",
        "127.0.0.1@evil.example",
        "",
        "[",
        "169.254.169.254",
    ],
)
def test_name_of_another_site_that_leads_here_gets_nothing(ui: Ui, host: str) -> None:
    """A site may give its own name this machine's address once its page is loaded; then the origin agrees."""
    own = f"http://{host}"
    status, added = ui.mutate("POST", as_json=True, Host=host, Origin=own, Content_Type="application/json")
    assert (status, added) in ((403, False), (400, False))
    for path in ("/", "/server_info", "/graphql", "/graphql?query={version}"):
        assert ui.ask("GET", path, Host=host, Accept="text/html")[0] in (403, 400)


@pytest.mark.parametrize(("origin", "status"), [("own", b"101"), ("https://evil.example", b"403"), ("null", b"403")])
def test_web_socket_is_opened_to_own_pages_alone(ui: Ui, origin: str, status: bytes) -> None:
    sent = (
        f"GET /graphql HTTP/1.1\r\nHost: 127.0.0.1:{ui.port}\r\nOrigin: {ui.own if origin == 'own' else origin}\r\n"
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: graphql-ws\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", ui.port), 20) as connection:
        connection.sendall(sent.encode())
        assert connection.recv(4096).split()[1] == status


def test_own_pages_work_and_are_framed_by_nobody(ui: Ui) -> None:
    for host in (f"127.0.0.1:{ui.port}", f"localhost:{ui.port}", f"LOCALHOST:{ui.port}", "assay.example"):
        status, body, headers = ui.ask("GET", "/", Host=host, Accept="text/html")
        assert (status, headers["x-frame-options"]) == (200, "DENY")
        assert "<html" in body
        made = ui.mutate("POST", as_json=True, Host=host, Origin=f"http://{host}", Content_Type="application/json")
        assert made == (200, True)
    assert ui.ask("GET", "/graphql", Accept="text/html")[0] == 200
    assert ui.mutate("POST", as_json=True, Content_Type="application/json; charset=utf-8") == (200, True), "a program's"


def test_dagster_dev_starts_the_guarded_server(tmp_path: Path) -> None:
    for guarded in served(tmp_path, "pipelines.ui", "dev"):
        assert guarded.mutate("GET", as_json=False, Accept="image/*") == (403, False)
        assert guarded.mutate("POST", as_json=True, Content_Type="application/json") == (200, True)


def test_dagster_dev_in_the_background_ends_when_it_is_told_to(tmp_path: Path) -> None:
    """As a shell starts it with `&`: with SIGINT ignored."""
    (tmp_path / "definitions.py").write_text(textwrap.dedent(DEFINITIONS))
    place = f"-h 127.0.0.1 -p {free_port()} -f {tmp_path}/definitions.py"
    script = f"trap '' INT; exec {sys.executable} -m pipelines.ui dev {place}"
    dev = Group(("sh", "-c", script), tmp_path / "log", {"DAGSTER_HOME": str(tmp_path)})
    try:
        dev.wait_for(lambda text: "Serving dagster-webserver" in text)
        dev.process.terminate()
        assert dev.gone(within_s=30), [process.cmdline() for process in dev.left()]
    finally:
        dev.end()


def test_names_are_read_as_browsers_write_them() -> None:
    assert [_name(host) for host in ("localhost:3000", "[::1]:3000", "127.0.0.1", "a@b", "[", "[::1].x")] == [
        "localhost", "::1", "127.0.0.1", "", "", "",
    ]  # fmt: skip
