"""A server between a client and a store, in a process of its own: passes requests on without a header, or, while there
is trouble, answers every other request with 503 and cuts the connection of the rest.

`python -m tests.support.store_proxy HOST PORT HEADER` prints its own port; PUT /-/trouble with a body of seconds makes
trouble for so long.
"""

import http.client
import itertools
import socket
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Between(BaseHTTPRequestHandler):
    """Passes a request on."""

    protocol_version = "HTTP/1.1"
    store = ("127.0.0.1", 0)
    forgets = ""
    trouble_until = 0.0
    numbers = itertools.count()

    def _body(self) -> bytes:
        chunks = [self.rfile.read(int(self.headers.get("Content-Length") or 0))]
        while self.headers.get("Transfer-Encoding") and (size := int(self.rfile.readline() or b"0", 16)):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        if self.headers.get("Transfer-Encoding"):
            self.rfile.readline()
        return b"".join(chunks)

    def pass_on(self) -> None:
        """Whatever was asked."""
        body = self._body()
        if self.path == "/-/trouble":
            type(self).trouble_until = time.monotonic() + float(body)
            self._answer(200, [], b"")
        elif time.monotonic() < self.trouble_until:
            self._fail()
        else:
            left_out = {"transfer-encoding", "content-length", self.forgets}
            headers = {name: value for name, value in self.headers.items() if name.lower() not in left_out}
            store = http.client.HTTPConnection(*self.store)
            store.request(self.command, self.path, body, headers)
            reply = store.getresponse()
            self._answer(reply.status, reply.getheaders(), reply.read())

    def _fail(self) -> None:
        if next(self.numbers) % 2:
            self._answer(503, [], b"<Error><Code>SlowDown</Code></Error>")
        else:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)

    def _answer(self, status: int, headers: list[tuple[str, str]], data: bytes) -> None:
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() not in ("transfer-encoding", "connection", "content-length") or self.command == "HEAD":
                self.send_header(name, value)
        if self.command != "HEAD":
            self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = pass_on  # noqa: N815 - the library's names

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Silent."""


if __name__ == "__main__":
    Between.store, Between.forgets = (sys.argv[1], int(sys.argv[2])), sys.argv[3]
    server = ThreadingHTTPServer(("127.0.0.1", 0), Between)
    sys.stdout.write(f"{server.server_port}\n")
    sys.stdout.flush()
    server.serve_forever()
