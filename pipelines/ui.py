"""The Dagster UI, behind a check that what asks it is a page of its own.

Dagster's web server (1.13) executes GraphQL, mutations too, for any GET or form that a browser sends it, wherever the
page came from and under whatever name the browser reached it: any site could launch runs here. So

- the name it is reached by (`Host`) must be one of this machine's loopback, or stand in ASSAY_UI_HOSTS (names with
  commas between them); a site cannot point a name of its own at this machine;
- the page that asks (`Origin`) must have been served under that very name;
- GraphQL is taken as JSON by POST alone, which a page of another site cannot send without being allowed to;
- no other page may show it in a frame.

`python -m pipelines.ui` takes the arguments of `dagster-webserver`, `python -m pipelines.ui dev` those of
`dagster dev`.
"""

import os
import re
import signal
import sys
from collections.abc import Callable
from typing import Any, cast
from urllib.parse import urlsplit

from dagster._cli import dev as dagster_dev
from dagster_shared.ipc import open_ipc_subprocess
from dagster_webserver import app as dagster_app
from dagster_webserver import cli as dagster_cli
from dagster_webserver.webserver import DagsterWebserver
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pipelines.ui_pages import page_routes

_HOST = re.compile(r"([a-z0-9._-]+|\[[0-9a-f:.]+\])(:[0-9]+)?")
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


class OwnPages:
    """ASGI middleware that refuses what did not come from a page of this server, or from a program of this machine."""

    def __init__(self, app: ASGIApp, hosts: frozenset[str]) -> None:
        self.app = app
        self.hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            return await self.app(scope, receive, send)
        why = self._why_not(scope)
        if not why:
            return await self.app(scope, receive, _unframed(send))
        if scope["type"] == "websocket":
            return await send({"type": "websocket.close", "code": 1008, "reason": why})
        return await PlainTextResponse(f"refused: {why}\n", status_code=403)(scope, receive, send)

    def _why_not(self, scope: Scope) -> str:
        headers = Headers(scope=scope)
        hosts, origins = headers.getlist("host"), headers.getlist("origin")
        if len(hosts) != 1 or _name(hosts[0]) not in self.hosts:
            return "the UI answers to this machine's own name only; others stand in ASSAY_UI_HOSTS"
        if any(urlsplit(origin).netloc.lower() != hosts[0].lower() for origin in origins):
            return "the request comes from a page of another site"
        if scope["type"] == "http" and scope["path"].rstrip("/").endswith("/graphql"):
            if scope["method"] == "POST" and not _is_json(headers.get("content-type", "")):
                return "GraphQL is taken as application/json"
            if scope["method"] != "POST" and "text/html" not in headers.get("accept", ""):
                return "GraphQL is taken by POST"
        return ""


def _name(host: str) -> str:
    """A `Host` without its port; empty where it is none."""
    read = _HOST.fullmatch(host.lower())
    return read[1].strip("[]") if read else ""


def _is_json(content_type: str) -> bool:
    return content_type.partition(";")[0].strip().lower() == "application/json"


def _unframed(send: Send) -> Send:
    async def framed_nowhere(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers["X-Frame-Options"] = "DENY"
            headers.append("Content-Security-Policy", "frame-ancestors 'none'")
        await send(message)

    return framed_nowhere


class OwnWebserver(DagsterWebserver[Any, Any]):
    """Dagster's, with the check in front, and with our pages beside its own."""

    def build_middleware(self) -> list[Middleware]:
        named = os.environ.get("ASSAY_UI_HOSTS", "").split(",")
        hosts = LOOPBACK | {name.strip().lower() for name in named if name.strip()}
        return [Middleware(OwnPages, hosts=hosts), *super().build_middleware()]

    def build_routes(self) -> list[Mount | Route]:
        own = cast("list[Mount | Route]", super().build_routes())
        return [*page_routes(os.environ.get("ASSAY_LAKE", "lake")), *own]


def _replace(module: Any, name: str, value: Any) -> None:
    if not hasattr(module, name):
        raise RuntimeError(
            f"this Dagster has no {module.__name__}.{name}, so the UI cannot be guarded; install the locked packages "
            "(`make setup`)"
        )
    setattr(module, name, value)


def _ours(start: Callable[..., object]) -> Callable[..., object]:
    """`dagster dev` starts its web server by the module's name."""

    def started(command: list[str], **options: object) -> object:
        return start([__spec__.name if part == "dagster_webserver" else part for part in command], **options)

    return started


def main() -> None:
    """Entry point of `python -m pipelines.ui`."""
    # A shell has what it starts with `&` ignore SIGINT, and Dagster does with SIGTERM as with SIGINT: neither would end
    # the UI, nor the processes that it starts.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if sys.argv[1:2] == ["dev"]:
        _replace(dagster_dev, "open_ipc_subprocess", _ours(open_ipc_subprocess))
        dagster_dev.dev_command(sys.argv[2:], prog_name="assay-ui dev", auto_envvar_prefix="DAGSTER")
    else:
        _replace(dagster_app, "DagsterWebserver", OwnWebserver)
        dagster_cli.main()


if __name__ == "__main__":
    main()
