"""Pages of the lake in the UI, for its links: what a gate found (/gates), and the report of a version (/reports).

They show what data says, so that they run no script, load nothing, and are of no origin that could ask Dagster.
"""

import re

from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from ops.core.errors import AssayError
from resources.gates.data_docs import data_docs
from resources.lake.tables import Lake
from resources.report.report import report_name

_ALONE = {
    "Content-Security-Policy": "sandbox; default-src 'none'; img-src data:; style-src 'unsafe-inline'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
#: Part of a path that leads neither up nor to a hidden file.
_PLAIN = re.compile(r"[^./\\][^/\\]*")


def page_routes(place: str) -> list[Route]:
    """The routes of the pages, over the lake at that place."""

    def gate(request: Request) -> Response:
        names = request.path_params
        if not all(_PLAIN.fullmatch(name) for name in names.values()):
            return PlainTextResponse("no such gate\n", status_code=404)
        try:
            lake = Lake(place).storage
            page = data_docs(lake, names["gate"], names["parts"].split(","), names["run"], names["at"])
        except AssayError as error:
            return PlainTextResponse(f"{error}\n", status_code=404)
        return HTMLResponse(page, headers=_ALONE)

    def report(request: Request) -> Response:
        version = request.path_params["version"]
        page = Lake(place).storage.read(report_name(version))
        if page is None:
            return PlainTextResponse(f"no report is there; `assay report {version}` writes it\n", status_code=404)
        return HTMLResponse(page, headers=_ALONE)

    return [Route("/gates/{gate}/{parts}/{run}/{at}", gate), Route("/reports/{version:int}", report)]
