"""Events of OpenLineage: valid by its own schemas, whole for each asset, and no harm where nobody takes them."""

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from assets.checks import table_of
from assets.lineage import measured_from
from assets.specs import audit_asset, table_asset
from assets.steps import step
from ops.audits.registry import all_audits
from ops.core.tables import TABLES
from resources.config.settings import Settings, load_settings
from resources.lake.tables import Lake
from resources.lineage.events import dataset_name
from resources.lineage.sending import KEY
from tests.support.lineage_spec import require_valid

AUDIT = all_audits()["boxes"]
MEASURES = AUDIT.table.name
CHECKS = [{"passed": "NO", "figure": "rows", "of": "boxes", "promised": "3", "found": "2", "before": ""}]


@dg.multi_asset(
    specs=[
        table_asset(TABLES["drops"], description="Deliveries.", group="drop", kinds=set(), skippable=True),
        audit_asset(AUDIT, group="measures", deps=["examples", "embeddings"], kinds={"ray"}).merge_attributes(
            owners=["team:data"]
        ),
    ],
    check_specs=[dg.AssetCheckSpec("gate", asset=MEASURES)],
)
@step
def measures(
    lake: dg.ResourceParam[Lake], settings: dg.ResourceParam[Settings]
) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
    rows = {"dagster/partition_row_count": 3, "table version": 7}
    yield dg.MaterializeResult(asset_key=MEASURES, metadata={**rows, **measured_from(AUDIT)})
    checks = {"checks": table_of(CHECKS)}
    yield dg.AssetCheckResult(asset_key=MEASURES, check_name="gate", passed=False, metadata=checks, description="short")


@dg.asset(deps=["versions"])
@step
def report(lake: dg.ResourceParam[Lake], settings: dg.ResourceParam[Settings]) -> dg.MaterializeResult:
    raise FileNotFoundError("no version")


def settings_for(place: str) -> Settings:
    shipped = load_settings(None)
    return replace(shipped, operation=replace(shipped.operation, lineage=place))


def run(asset: dg.AssetsDefinition, lake: Path, place: str) -> dg.ExecuteInProcessResult:
    resources = {"lake": Lake(lake), "settings": settings_for(place)}
    return dg.materialize([asset], resources=resources, raise_on_error=False)


def events_in(file: Path) -> list[dict[str, Any]]:
    events = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    for event in events:
        require_valid(event)
    return events


def test_a_step_tells_what_it_makes_and_what_its_checks_say(tmp_path: Path) -> None:
    result = run(measures, tmp_path / "lake", str(tmp_path / "events" / "lineage.jsonl"))
    events = events_in(tmp_path / "events" / "lineage.jsonl")
    assert [(event["eventType"], event["job"]["name"]) for event in events] == [
        ("START", "drops"),
        ("START", MEASURES),
        ("COMPLETE", MEASURES),
        ("START", f"{MEASURES}.gate"),
        ("COMPLETE", f"{MEASURES}.gate"),
        ("ABORT", "drops"),
    ]
    started, made, judged = events[1], events[2], events[4]
    assert started["run"]["runId"] == made["run"]["runId"] != judged["run"]["runId"]
    assert made["run"]["facets"]["parent"]["run"]["runId"] == result.run_id
    assert [dataset["name"] for dataset in made["inputs"]] == [
        f"{tmp_path}/lake/{n}" for n in ("examples", "embeddings")
    ]
    (output,) = made["outputs"]
    assert (output["namespace"], output["name"]) == ("file", f"{tmp_path}/lake/{MEASURES}")
    assert output["outputFacets"]["outputStatistics"]["rowCount"] == 3
    assert output["facets"]["version"]["datasetVersion"] == "7"
    assert [column["name"] for column in output["facets"]["schema"]["fields"]] == AUDIT.table.schema.names
    source = output["facets"]["columnLineage"]["fields"]["is_swapped"]["inputFields"]
    assert {"namespace": "file", "name": f"{tmp_path}/lake/boxes", "field": "left"} in [
        {name: dep[name] for name in ("namespace", "name", "field")} for dep in source
    ]
    (asserted,) = judged["inputs"]
    whole, figure = asserted["inputFacets"]["dataQualityAssertions"]["assertions"]
    assert (whole["assertion"], whole["success"], whole["description"]) == ("gate", False, "short")
    assert (figure["assertion"], figure["expected"], figure["actual"]) == ("rows of boxes", "3", "2")
    assert made["job"]["facets"]["ownership"]["owners"] == [{"name": "team:data"}]


def test_a_step_that_fails_says_why(tmp_path: Path) -> None:
    assert not run(report, tmp_path / "lake", str(tmp_path / "lineage.jsonl")).success
    events = events_in(tmp_path / "lineage.jsonl")
    assert [event["eventType"] for event in events] == ["START", "FAIL"]
    assert events[1]["run"]["facets"]["errorMessage"]["message"] == "no version"


class Collector(HTTPServer):
    """Takes events as Marquez does; answers with `status`."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Request)
        self.events: list[tuple[str, str | None, dict[str, Any]]] = []
        self.status = 201


class _Request(BaseHTTPRequestHandler):
    server: Collector  # pyright: ignore[reportIncompatibleVariableOverride]

    def do_POST(self) -> None:
        event = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.events.append((self.path, self.headers["Authorization"], event))
        self.send_response(self.server.status)
        self.send_header("Location", "http://127.0.0.1:1/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_request(self, code: object = None, size: object = None) -> None:
        pass


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield server
        server.shutdown()


def test_a_server_is_told_with_its_key(tmp_path: Path, collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY, "secret")
    run(measures, tmp_path, f"http://127.0.0.1:{collector.server_port}")
    assert [event["eventType"] for _, _, event in collector.events] == [
        *("START", "START", "COMPLETE", "START", "COMPLETE", "ABORT")
    ]
    assert {(path, key) for path, key, _ in collector.events} == {("/api/v1/lineage", "Bearer secret")}
    for _, _, event in collector.events:
        require_valid(event)


@pytest.mark.full
@pytest.mark.parametrize("status", [403, 307])
def test_a_server_that_refuses_is_named_once_and_holds_up_nothing(
    status: int, tmp_path: Path, collector: Collector, capfd: pytest.CaptureFixture[str]
) -> None:
    collector.status = status
    assert run(measures, tmp_path, f"http://127.0.0.1:{collector.server_port}").success
    assert len(collector.events) == 1
    assert "took no event" in capfd.readouterr().err


@pytest.mark.full
def test_a_file_that_cannot_be_written_holds_up_nothing(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert run(measures, tmp_path / "lake", str(tmp_path / "file" / "lineage.jsonl")).success
    assert "name another file in operation.lineage" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("place", "name"),
    [
        ("/data/lake/examples", ("file", "/data/lake/examples")),
        ("s3://bucket/lake/examples", ("s3://bucket", "lake/examples")),
    ],
)
def test_tables_are_named_as_others_name_them(place: str, name: tuple[str, str]) -> None:
    assert dataset_name(place) == name
