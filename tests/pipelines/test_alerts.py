"""Alerts: what they say, and that they reach real servers of this machine."""

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer

import dagster as dg
import pytest

from assets.checks import check_result
from ops.gates.guards import GuardSettings
from pipelines.alerts import alert_sensors
from resources.alerts.alert import Alert
from resources.alerts.sending import WEBHOOK, send
from resources.config.operation_settings import AlertSettings
from resources.config.settings import Settings, load_settings
from resources.gates.canaries import canary_gates, latest_canaries
from resources.gates.gates import run_gate
from resources.gates.removal import removal_facts
from resources.gates.suites import removal_suites
from resources.lake.tables import Lake
from tests.support.flown import fly
from tests.support.removed import NO_PICTURES, sampled

FAILED = Alert("drop_job failed", ("quarantine_share 0.4, at most 0.05",), "mend the drop", "http://ui/runs/1")


class Chat(HTTPServer):
    """Takes messages as Slack does; refuses them where `status` says so."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Message)
        self.texts: list[str] = []
        self.status = 200

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/services/secret"


class _Message(BaseHTTPRequestHandler):
    server: Chat  # pyright: ignore[reportIncompatibleVariableOverride]

    def do_POST(self) -> None:
        self.server.texts.append(json.loads(self.rfile.read(int(self.headers["Content-Length"])))["text"])
        self.send_response(self.server.status)
        self.end_headers()

    def log_request(self, code: object = None, size: object = None) -> None:
        pass


class Post(ThreadingTCPServer):
    """As much of SMTP as one mail takes."""

    allow_reuse_address = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Mail)
        self.mails: list[str] = []


class _Mail(StreamRequestHandler):
    server: Post  # pyright: ignore[reportIncompatibleVariableOverride]

    def handle(self) -> None:
        self.wfile.write(b"220 post\r\n")
        for line in self.rfile:
            if line.upper().startswith(b"DATA"):
                self.wfile.write(b"354 go on\r\n")
                lines = iter(self.rfile.readline, b".\r\n")
                self.server.mails.append(b"".join(lines).decode())
            self.wfile.write(b"221 bye\r\n" if line.upper().startswith(b"QUIT") else b"250 well\r\n")
            if line.upper().startswith(b"QUIT"):
                return


@pytest.fixture
def chat() -> Iterator[Chat]:
    with Chat() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def post() -> Iterator[Post]:
    with Post() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def test_an_alert_says_what_failed_the_figure_the_fix_and_the_link(chat: Chat, post: Post) -> None:
    mail = AlertSettings(chat.address, ("a@x.org", "b@x.org"), "assay@x.org", "127.0.0.1", post.server_address[1])
    assert send(FAILED, mail) == []
    lines = ["drop_job failed", "- quarantine_share 0.4, at most 0.05", "What to do: mend the drop", "http://ui/runs/1"]
    assert chat.texts == ["\n".join(lines)]
    (text,) = post.mails
    assert "Subject: Assay: drop_job failed" in text
    assert "To: a@x.org, b@x.org" in text
    assert all(line in text for line in lines)


def test_the_environment_names_the_webhook(chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(WEBHOOK, chat.address)
    assert send(FAILED, AlertSettings("http://127.0.0.1:1/")) == []
    assert len(chat.texts) == 1


def test_an_alert_that_cannot_be_sent_is_a_line_of_the_log_without_the_secret(chat: Chat) -> None:
    chat.status = 403
    problems = send(FAILED, AlertSettings(chat.address, ("a@x.org",), "assay@x.org", "127.0.0.1", 1))
    assert ["webhook" in problems[0], "127.0.0.1" in problems[1]] == [True, True]
    assert "secret" not in "".join(problems)


def test_what_data_says_obeys_nobody(chat: Chat) -> None:
    send(Alert("drop \x1b[31m\ud800"), AlertSettings(chat.address))
    assert chat.texts == ["drop \\x1b[31m\\ud800"]


@dg.op
def breaks() -> None:
    raise ValueError("the lake is full\nand more")


@dg.asset(check_specs=[dg.AssetCheckSpec("gate", asset="table")])
def table() -> dg.MaterializeResult:
    failed = dg.AssetCheckResult(passed=False, check_name="gate", description="rows_lost 3, at most 0")
    return dg.MaterializeResult(check_results=[failed])


@dg.job
def drop_job() -> None:
    breaks()


def sensors(settings: Settings) -> dict[str, dg.SensorDefinition]:
    return {sensor.name: sensor for sensor in alert_sensors(settings)}


def alerting(chat: Chat) -> Settings:
    shipped = load_settings(None)
    return replace(shipped, operation=replace(shipped.operation, alerts=AlertSettings(chat.address), ui="http://ui/"))


def test_a_run_that_fails_is_told_with_its_error(chat: Chat) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        result = drop_job.execute_in_process(instance=instance, raise_on_error=False, partition_key=None)
        context = dg.build_run_status_sensor_context(
            sensor_name="failed_runs",
            dagster_instance=instance,
            dagster_run=result.dagster_run,
            dagster_event=result.get_run_failure_event(),
        ).for_run_failure()
        sensors(alerting(chat))["failed_runs"](context)
    (text,) = chat.texts
    assert text.startswith("drop_job failed\n- ValueError: the lake is full\n")
    assert f"http://ui/runs/{result.run_id}" in text


def look_at_gates(instance: dg.DagsterInstance, result: dg.ExecuteInProcessResult, chat: Chat) -> None:
    """As the daemon does after a run that succeeded."""
    context = dg.build_run_status_sensor_context(
        sensor_name="failed_gates",
        dagster_instance=instance,
        dagster_run=result.dagster_run,
        dagster_event=result.get_run_success_event(),
    )
    sensors(alerting(chat))["failed_gates"](context)


def test_a_gate_that_fails_in_a_run_that_does_not_is_told(chat: Chat) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        look_at_gates(instance, dg.materialize([table], instance=instance), chat)
    (text,) = chat.texts
    assert "rows_lost 3, at most 0" in text


def of_removals(lake: Lake) -> dg.AssetCheckResult:
    """What the gate says of a candidate that loses more German than English."""
    facts = {"removal": removal_facts(lake, sampled(of_german=0.3, of_english=0.1), NO_PICTURES)}
    suites = removal_suites(GuardSettings(removed_limit_odds=2.0))
    gate = run_gate("candidate", "version 1", facts, suites=suites, run="r", history=None)
    return check_result(gate, asset="table", check="gate")


def of_canaries(lake: Lake) -> dg.AssetCheckResult:
    """What the gate says of a delivery whose audits find fewer canaries than those of the one before."""
    for hour, (delivery, caught) in enumerate([("a", 85), ("b", 50)]):
        fly(lake, delivery, caught, hour=hour)
    words = {"drop": "d", "settings": GuardSettings(), "history": lake.storage}
    _, fall = canary_gates(latest_canaries(lake), "b", **words)
    return check_result(fall, asset="table", check="gate", severity=dg.AssetCheckSeverity.WARN)


@pytest.mark.parametrize(
    ("verdict", "words"),
    [(of_removals, "group 'de': beyond 2."), (of_canaries, "fault 'wrong_image': recall_high 0.5962 < ")],
)
def test_who_loses_more_and_canaries_that_are_missed_are_told_in_words(
    verdict: Callable[[Lake], dg.AssetCheckResult], words: str, chat: Chat, tmp_path: Path
) -> None:
    @dg.asset(name="table", check_specs=[dg.AssetCheckSpec("gate", asset="table")])
    def judged() -> dg.MaterializeResult:
        return dg.MaterializeResult(check_results=[verdict(Lake(tmp_path))])

    with dg.DagsterInstance.ephemeral() as instance:
        result = dg.materialize([judged], instance=instance)
        look_at_gates(instance, result, chat)
    (text,) = chat.texts
    assert words in text
    assert f"http://ui/runs/{result.run_id}" in text


@dg.job(name="corpus_job")
def nothing_to_do() -> None:
    pass


def test_versions_that_no_night_renews_are_told_once(chat: Chat) -> None:
    settings = alerting(chat)
    impatient = replace(settings, operation=replace(settings.operation, fresh_hours=1e-9))
    with dg.DagsterInstance.ephemeral() as instance:
        sensor = sensors(impatient)["stale_versions"]
        assert "yet" in str(sensor(dg.build_sensor_context(instance=instance)))
        nothing_to_do.execute_in_process(instance=instance)
        assert "ended well" in str(sensors(settings)["stale_versions"](dg.build_sensor_context(instance=instance)))
        assert not chat.texts
        context = dg.build_sensor_context(instance=instance)
        sensor(context)
        sensor(dg.build_sensor_context(instance=instance, cursor=context.cursor))
    (text,) = chat.texts
    assert "no version was made or confirmed" in text
