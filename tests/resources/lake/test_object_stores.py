"""A lake in an object store, and a store that cannot keep two writers apart."""

import subprocess
import sys
from threading import Thread

import pyarrow.fs as pafs
import pytest

from ops.core.schemas import DROPS, IMAGES, QUARANTINE
from resources.lake.files import LakeError
from resources.lake.tables import Lake
from resources.storage.storage import Storage
from tests.support.buckets import make_bucket
from tests.support.tables import between, images, quarantine


@pytest.mark.full
def test_an_object_store_is_a_lake_too() -> None:
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        options = {
            "AWS_ENDPOINT_URL": f"http://{host}:{port}",
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_REGION": "us-east-1",
            "AWS_ALLOW_HTTP": "true",
        }
        filesystem, _ = Storage.at("s3://shelf/lake", options).open()
        make_bucket(f"http://{host}:{port}/shelf")
        lake = Lake("s3://shelf/lake/", options)
        partition = {"delivery": "a b%"}
        assert lake.read(QUARANTINE).num_rows == 0
        assert lake.write(QUARANTINE, quarantine("a b%", 20), partition=partition, once="a")
        assert not lake.write(QUARANTINE, quarantine("a b%", 20), partition=partition, once="a")
        assert lake.read(QUARANTINE, where=partition).equals(quarantine("a b%", 20))
        assert lake.commit_new(IMAGES, lake.stage(IMAGES, images("a", "b", "a"), {}), key="image_id") == 2
        assert [row["sequence"] for row in lake.log(DROPS, lambda log: [{"drop": "x"}, {"drop": "y"}])] == [0, 1]
        made = lake.log(DROPS, lambda log: [{"drop": str(lake.log(DROPS, between))}] if len(log.rows) < 3 else [{}])
        assert [row["sequence"] for row in made] == [3]  # after the one that came between
        paths = [path.removeprefix("s3://") for path in lake.files(IMAGES)]
        assert all(info.is_file for info in filesystem.get_file_info(paths))
        assert len(lake.adopt(QUARANTINE, lake.files(QUARANTINE), partition)) == 1
    finally:
        server.stop()


FORGETFUL = """
import http.client, sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Forgetful(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def pass_on(self):
        chunks = [self.rfile.read(int(self.headers.get("Content-Length") or 0))]
        while self.headers.get("Transfer-Encoding") and (size := int(self.rfile.readline() or b"0", 16)):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        if self.headers.get("Transfer-Encoding"):
            self.rfile.readline()
        left_out = {"transfer-encoding", "content-length", sys.argv[3]}
        headers = {name: value for name, value in self.headers.items() if name.lower() not in left_out}
        body = b"".join(chunks)
        store = http.client.HTTPConnection(sys.argv[1], int(sys.argv[2]))
        store.request(self.command, self.path, body, headers)
        reply = store.getresponse()
        data = reply.read()
        self.send_response_only(reply.status)
        for name, value in reply.getheaders():
            if name.lower() not in ("transfer-encoding", "connection", "content-length") or self.command == "HEAD":
                self.send_header(name, value)
        if self.command != "HEAD":
            self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = pass_on

    def log_message(self, *args):
        pass

server = ThreadingHTTPServer(("127.0.0.1", 0), Forgetful)
print(server.server_port, flush=True)
server.serve_forever()
"""


@pytest.mark.full
@pytest.mark.parametrize("forgets", ["if-none-match", "nothing"])
def test_a_store_that_forgets_conditions_is_refused_before_a_commit_is_lost(forgets: str) -> None:
    """A server in a process of its own that passes requests on to a store, without the header in question."""
    from moto.server import ThreadedMotoServer

    store = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    store.start()
    words = [sys.executable, "-c", FORGETFUL, *map(str, store.get_host_and_port()), forgets]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            address = f"http://127.0.0.1:{server.stdout.readline().strip()}"
            options = {
                "AWS_ENDPOINT_URL": address,
                "AWS_ACCESS_KEY_ID": "key",
                "AWS_SECRET_ACCESS_KEY": "secret",
                "AWS_REGION": "us-east-1",
                "AWS_ALLOW_HTTP": "true",
            }
            bucket = f"forgets-{forgets}"  # moto's stores are one a process: no bucket is another test's
            make_bucket(f"{address}/{bucket}")
            lake = Lake(f"s3://{bucket}/lake", options)
            if forgets == "nothing":
                together = [
                    Thread(target=lake.log, args=(DROPS, lambda log, n=n: [{"drop": str(n)}])) for n in range(6)
                ]
                for one in together:
                    one.start()
                for one in together:
                    one.join()
                assert sorted(lake.read(DROPS)["drop"].to_pylist()) == [str(n) for n in range(6)]
            else:
                for step in (
                    lambda: lake.log(DROPS, lambda log: [{"drop": "x"}]),
                    lambda: lake.commit(QUARANTINE, [], once="a"),
                    lambda: lake.commit_new(IMAGES, lake.stage(IMAGES, images("a"), {}), key="image_id"),
                ):
                    with pytest.raises(LakeError, match=rf"s3://{bucket}/lake: the store ignores conditional writes"):
                        step()
                assert lake.version(DROPS) == lake.version(QUARANTINE) == lake.version(IMAGES) == -1
            filesystem, base = lake.storage.open()
            left = filesystem.get_file_info(pafs.FileSelector(base, recursive=True))
            assert not [info.path for info in left if "trial" in info.path]
        finally:
            server.kill()
            store.stop()
