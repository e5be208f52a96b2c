"""Data Docs: a page of what a gate found, which loads nothing, whatever the data is called."""

from html.parser import HTMLParser
from pathlib import Path

import pyarrow as pa
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from ops.core.errors import MissingError
from pipelines.ui_pages import page_routes
from resources.gates.data_docs import data_docs
from resources.gates.gates import GateResult, run_gate
from resources.gates.suites import within
from resources.lake.tables import Lake
from resources.report.report import report_name

HOSTILE = '<img src="http://elsewhere.example/pixel"><script>alert(1)</script>'


class Loaded(HTMLParser):
    """What a page would load or run."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.parts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("script", "link", "iframe", "img", "object", "embed", "base"):
            self.parts.append(tag)
        self.parts += [
            f"{name}={value}" for name, value in attrs if name in ("src", "href") and not (value or "").startswith("#")
        ]
        self.parts += [name for name, _ in attrs if name.startswith("on")]


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake")


@pytest.fixture
def gate(lake: Lake) -> GateResult:
    files = pa.table({"file": ["a.json", HOSTILE], "rows_lost": [0, 7]})
    facts = {"files": files, "drop": pa.table({"quarantine_share": [0.4], "reason": [HOSTILE]})}
    suites = {
        "files": [within("rows_lost", high=0, fix="deliver again")],
        "drop": [within("quarantine_share", high=0.5, detail="reason")],
    }
    return run_gate("ingest", "drop 'd'", facts, suites=suites, run="d 1", history=lake.storage)


def test_a_page_shows_each_part_and_loads_nothing(lake: Lake, gate: GateResult) -> None:
    name, parts, run, at = gate.kept.split("/")
    page = data_docs(lake.storage, name, parts.split(","), run, at)
    assert parts == "files,drop"
    for text in ("<h2>files</h2>", "<h2>drop</h2>", "rows_lost", "quarantine_share", "0.5", "50% unexpected"):
        assert text in page
    assert Loaded(page).parts == []


def test_what_is_not_kept_is_said(lake: Lake, gate: GateResult) -> None:
    with pytest.raises(MissingError, match="no result of the ingest gate of d 2"):
        data_docs(lake.storage, "ingest", ["files"], "d 2", gate.kept.rpartition("/")[2])


def test_the_ui_serves_pages_that_are_of_no_origin_and_nothing_beside_them(lake: Lake, gate: GateResult) -> None:
    lake.storage.write(report_name(3), b"<h1>version 3</h1>")
    lake.storage.write("secret.json", b"{}")
    client = TestClient(Starlette(routes=page_routes(lake.root)))
    for path, text in ((f"/gates/{gate.kept}", "rows_lost"), ("/reports/3", "version 3")):
        answer = client.get(path)
        assert (answer.status_code, text in answer.text) == (200, True)
        assert answer.headers["content-security-policy"].startswith("sandbox; default-src 'none'")
    assert "`assay report 4` writes it" in client.get("/reports/4").text
    for path in ("/gates/ingest/files/d 2/x", "/gates/..%2Fx/files/d/x", "/gates/ingest/files/../secret", "/reports/x"):
        assert client.get(path).status_code == 404
