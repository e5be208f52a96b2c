"""What `assay doctor` says of a machine and of settings that will not do, and of those that will."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from resources.config.settings import Settings, load_settings
from resources.engines.listening import listeners
from resources.engines.private import private_folder, token_file
from resources.status.doctor import Finding, examine


@pytest.fixture(autouse=True)
def own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setenv("RAY_AUTH_MODE", "token")


def finding(subject: str, lake: Path, settings: Settings | None = None) -> Finding:
    """The worst that is said of it."""
    of_it = examine(str(lake), settings or load_settings(None), about=[subject])
    return max(of_it, key=lambda finding: ("good", "poor", "bad").index(finding.state))


def test_machine_that_runs_the_tests_will_do(tmp_path: Path) -> None:
    token_file(private_folder(str(tmp_path)))
    findings = list(examine(str(tmp_path), load_settings(None)))
    about = {one.subject for one in findings if one.subject != "listening"}
    assert about >= {"java", "cores", "memory", "gpu", "encoder", "lake", "private folder", "ray", "spark"}
    assert not [one for one in findings if one.state == "bad" and one.subject != "listening"]


def test_every_finding_that_is_not_good_has_its_fix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    good = load_settings(None)
    spark = replace(
        good.spark, memory="9999g", cores=4096, driver_host="10.1.2.3", options={"spark.authenticate": "false"}
    )
    settings = replace(good, spark=spark, encoder=replace(good.encoder, model="no-such-model"))
    (tmp_path / "file").touch()
    findings = list(examine(str(tmp_path / "file" / "lake"), settings))
    poor = {one.subject for one in findings if one.state != "good"}
    assert {"cores", "memory", "encoder", "lake", "ray", "spark"} <= poor
    assert not [one for one in findings if one.state != "good" and not one.fix]


def test_ray_without_a_token_is_bad(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert finding("ray", tmp_path).state == "good"
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    assert finding("ray", tmp_path).fix == "unset RAY_AUTH_MODE"
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.1:6379")
    assert "RAY_AUTH_TOKEN" in finding("ray", tmp_path).fix


def test_spark_of_a_cluster_wants_a_secret(tmp_path: Path) -> None:
    good = load_settings(None)
    cluster = replace(good, spark=replace(good.spark, master="spark://head:7077"))
    assert "spark.authenticate.secret" in finding("spark", tmp_path, cluster).fix
    secret = {"spark.authenticate": "true", "spark.authenticate.secret": "x"}
    guarded = replace(cluster, spark=replace(cluster.spark, options=secret))
    assert finding("spark", tmp_path, guarded).state == "good"


def test_parts_of_a_cluster_that_take_no_connection_are_bad(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load_settings(None)
    assert list(examine(str(tmp_path), settings, about=["cluster"])) == []
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_server(("127.0.0.1", 0)) as other:
        there, gone = server.getsockname()[1], other.getsockname()[1]
        other.close()
        monkeypatch.setenv("RAY_ADDRESS", f"127.0.0.1:{there}")
        monkeypatch.setenv("ASSAY_RAY_JOBS", f"http://127.0.0.1:{gone}")
        monkeypatch.setenv("DAGSTER_POSTGRES_URL", f"postgresql+psycopg2://assay:secret@127.0.0.1:{there}/assay")
        master = f"k8s://http://127.0.0.1:{gone}"
        settings = replace(settings, spark=replace(settings.spark, master=master))
        findings = list(examine(str(tmp_path), settings, about=["cluster"]))
    assert [finding.state for finding in findings] == ["good", "bad", "good", "bad"]
    assert ["ASSAY_RAY_JOBS" in findings[1].fix, "spark.master" in findings[3].fix] == [True, True]
    assert str(gone) in findings[1].detail
    assert "secret" not in str(findings)


def test_no_password_is_said_of_an_address_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_POSTGRES_URL", "postgresql+psycopg2://assay:sec/ret@127.0.0.1:5432/assay")
    assert (
        finding("cluster", tmp_path).detail
        == "DAGSTER_POSTGRES_URL is no address: what stands for its port is no number"
    )


def test_open_private_folder_is_bad(tmp_path: Path) -> None:
    token = token_file(private_folder(str(tmp_path)))
    assert finding("private folder", tmp_path).state == "good"
    token.chmod(0o644)
    assert "chmod 600" in finding("private folder", tmp_path).fix
    token.parent.chmod(0o755)
    assert "chmod 700" in finding("private folder", tmp_path).fix


def test_looking_makes_nothing(tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    assert finding("lake", lake).state == "good"
    assert not lake.exists()


@contextmanager
def serving(address: str) -> Iterator[int]:
    """A process of a name like a run's that listens there."""
    code = f"import socket; s = socket.create_server(({address!r}, 0)); print(s.getsockname()[1], flush=True); input()"
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", code, "assay"], stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdout is not None
        yield int(process.stdout.readline())
        process.communicate("\n")


@pytest.mark.parametrize(("address", "state"), [("127.0.0.1", "good"), ("0.0.0.0", "bad")])  # noqa: S104
def test_what_listens_beyond_loopback_is_bad(address: str, state: str, tmp_path: Path) -> None:
    with serving(address) as port:
        (ours,) = [one for one in listeners() if one.port == port]
        assert (ours.address, ours.on_loopback) == (address, state == "good")
        about = [
            finding
            for finding in examine(str(tmp_path), load_settings(None), about=["listening"])
            if f":{port}" in finding.detail
        ]
        assert [one.state for one in about] == ([] if state == "good" else ["bad"])


def test_ipv6_is_read_as_well() -> None:
    code = "import socket; s = socket.create_server(('::1', 0), family=socket.AF_INET6); print(1, flush=True); input()"
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", code, "assay"], stdin=pipe, stdout=pipe, text=True) as process:
        if process.stdout is None or not process.stdout.readline():
            pytest.skip("this machine has no IPv6")
        assert [(one.address, one.on_loopback) for one in listeners() if one.pid == process.pid] == [("::1", True)]
        process.communicate("\n")
