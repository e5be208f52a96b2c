"""The command line's promises to those who call it: exit status, one clear line, no traceback."""

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipelines.app import app
from resources.config.settings import load_settings
from resources.lake.tables import Lake
from resources.versions.code_identity import code_identity
from resources.versions.publishing import publish
from tests.support.buckets import make_bucket
from tests.support.commands import commands_of
from tests.support.versions import POLICY, build, fill

ASSAY = Path(sys.executable).with_name("assay")
ROOT = Path(__file__).resolve().parents[2]
OWN_PATH = {"PYTHONPATH": str(ROOT)}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An empty working directory, and none of the variables that the command reads."""
    for name in [name for name in os.environ if name.startswith(("ASSAY_", "DAGSTER_"))]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (["run", "no-such-folder"], 1, "no-such-folder: does not exist"),
        (["run", "--config", "bad.yaml"], 2, "bad.yaml:2: audits.groundng: unknown audit"),
        (["run", "--config", "encoder.yaml"], 1, "'no-such-model' is no model of open_clip"),
        (
            ["run", "--config", "folder.yaml"],
            1,
            "open_clip_config.json: text_cfg.tokenizer_kwargs has the key 'trust_remote_code'",
        ),
        (["versions"], 1, "no lake is here"),
        (["diff", "1"], 2, "Missing argument"),
        (["no-such-command"], 2, "No such command"),
        (["demo", "--folder", "s3://bucket/x"], 2, "the demo: s3://bucket/x is an address in a store"),
        (["run", "--lake", "s3:/bucket/x"], 2, "write it like s3://bucket/folder"),
        (["run", "--config", "scratch.yaml"], 2, "scratch.yaml:1: spark: scratch: s3://b/x is an address in a store"),
    ],
)
def test_errors_are_one_clear_line(tmp_path: Path, words: list[str], status: int, message: str) -> None:
    (tmp_path / "bad.yaml").write_text("audits:\n  groundng: {}\n")
    (tmp_path / "encoder.yaml").write_text("encoder: {model: no-such-model}\n")
    (tmp_path / "folder.yaml").write_text(f"encoder: {{model: 'local-dir:{tmp_path}'}}\n")
    text = {"hf_tokenizer_name": "x", "tokenizer_kwargs": {"trust_remote_code": True}}
    model = {"embed_dim": 8, "vision_cfg": {}, "text_cfg": text}
    (tmp_path / "open_clip_config.json").write_text(json.dumps({"model_cfg": model}))
    (tmp_path / "scratch.yaml").write_text("spark:\n  scratch: s3://b/x\n")
    done = CliRunner().invoke(app, words)
    assert done.exit_code == status, done.stderr
    assert message in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
    assert not [path.name for path in tmp_path.iterdir() if ":" in path.name]  # no folder called `s3:`


def test_a_configuration_is_that_of_its_own_command(tmp_path: Path) -> None:
    """Two commands in one process: the first one's file is not the second one's."""
    (tmp_path / "bad.yaml").write_text("audits:\n  groundng: {}\n")
    assert CliRunner().invoke(app, ["run", "no-such", "--config", "bad.yaml"]).exit_code == 2
    assert CliRunner().invoke(app, ["run", "no-such"]).exit_code == 1
    assert "ASSAY_CONFIG" not in os.environ


def test_an_export_to_an_address_says_what_it_lacks(tmp_path: Path) -> None:
    """And no folder called after its scheme comes of it."""
    lake = Lake(tmp_path / "lake")
    fill(lake)
    publish(lake, build(lake, replace(load_settings(), policy=POLICY)), {})
    done = CliRunner().invoke(app, ["export", "1", "--to", "jsonl", "ftp://host/x"])
    assert (done.exit_code, done.stdout) == (1, "")
    assert "ftp://host/x: ftp:// names no store that is known" in " ".join(done.stderr.split())
    assert {path.name for path in tmp_path.iterdir()} == {"lake"}


PROMISED = {"run", "demo", "why", "versions", "diff", "rollback", "export", "policy try", "report"}
"""The commands that others rely on; more may come, none of these may go."""


def test_help_names_every_command() -> None:
    """As a person calls it: the script, in a process of its own."""
    done = subprocess.run(
        [ASSAY, "--help"], capture_output=True, text=True, check=False, env={**os.environ, **OWN_PATH}
    )
    assert done.returncode == 0
    named = set(re.findall(r"^│ (\w+)  ", done.stdout, re.MULTILINE))
    assert named == {name.split()[0] for name in commands_of(app)}
    assert commands_of(app) >= PROMISED


@pytest.mark.parametrize("command", sorted(commands_of(app)))
def test_the_list_says_of_a_command_what_it_says_of_itself(command: str) -> None:
    *group, name = command.split()
    listed = CliRunner().invoke(app, [*group, "--help"], env={"COLUMNS": "400"}).stdout
    own = CliRunner().invoke(app, [*group, name, "--help"], env={"COLUMNS": "400"})
    assert own.exit_code == 0, own.output
    line = re.search(rf"^│ {name} +(.+?) +│$", listed, re.MULTILINE)
    assert line is not None
    assert line[1] in own.stdout
    assert "--json" in own.stdout, "whatever it says, a program may want to read"


@pytest.mark.parametrize(
    ("words", "spared"),
    [
        (["--help"], {"pyarrow", "numpy"}),
        (["versions", "--lake", "none"], {"sklearn"}),
        (["diff", "1", "2"], {"sklearn"}),
    ],
    ids=["help", "versions", "diff"],
)
def test_a_question_imports_no_engine(words: list[str], spared: set[str]) -> None:
    """Help needs neither Arrow nor an audit: a person who asks waits for none of them."""
    heavy = {"ray", "pyspark", "dagster", "torch"} | spared
    probe = "print(','.join({name.split('.')[0] for name in sys.modules}), file=sys.stderr)"
    code = f"import atexit, sys; atexit.register(lambda: {probe}); from pipelines.cli import main; main()"
    command = [sys.executable, "-c", code, *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **OWN_PATH})
    loaded = set(done.stderr.splitlines()[-1].split(","))
    assert "typer" in loaded
    assert not heavy & loaded


def test_readme_names_every_command() -> None:
    rows = re.findall(r"^\| `assay ([^`]*)` \|", (ROOT / "README.md").read_text(), re.MULTILINE)
    words = [" ".join(re.findall(r"(?<!\S)[a-z]+(?!\S)", row)) for row in rows]
    assert sorted(words) == sorted(commands_of(app))


def test_the_version_is_that_of_the_code() -> None:
    done = CliRunner().invoke(app, ["--version"])
    assert (done.exit_code, done.stdout) == (0, f"assay {version('assay')}, code {code_identity()}\n")


@pytest.mark.full
def test_a_lake_may_be_an_address(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """On a server of the store's protocol, on loopback."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        address = f"http://{host}:{port}"
        names = {"ENDPOINT_URL": address, "ACCESS_KEY_ID": "key", "SECRET_ACCESS_KEY": "secret", "REGION": "us-east-1"}
        for name, value in {**names, "ALLOW_HTTP": "true"}.items():
            monkeypatch.setenv(f"AWS_{name}", value)
        make_bucket(f"{address}/stall")
        none = CliRunner().invoke(app, ["versions", "--lake", "s3://stall/lake"])
        assert (none.exit_code, "s3://stall/lake: no lake is here" in " ".join(none.stderr.split())) == (1, True)
        lake = Lake("s3://stall/lake")
        fill(lake)
        publish(lake, build(lake, replace(load_settings(), policy=POLICY)), {})
        printed = json.loads(CliRunner().invoke(app, ["versions", "--lake", "s3://stall/lake", "--json"]).stdout)
        assert [(version["version"], version["current"]) for version in printed] == [(1, True)]
        page = CliRunner().invoke(app, ["report", "--lake", "s3://stall/lake"]).stdout.strip()
        assert page == "s3://stall/lake/reports/version-1.html"
        filesystem, base = lake.storage.open()
        with filesystem.open_input_file(f"{base}/reports/version-1.html") as file:
            assert file.read().startswith(b"<!doctype html>")
        assert list(tmp_path.iterdir()) == []
    finally:
        server.stop()


@pytest.mark.full
def test_doctor_says_by_its_status_whether_the_machine_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for mode, status in (("token", 0), ("disabled", 1)):
        monkeypatch.setenv("RAY_AUTH_MODE", mode)
        done = CliRunner().invoke(app, ["doctor", "--json", "--lake", str(tmp_path / "lake")])
        printed = json.loads(done.stdout)
        bad = {one["subject"] for one in printed["findings"] if one["state"] == "bad"} - {"listening"}
        assert bad == ({"ray"} if status else set())
        assert printed["sound"] == (done.exit_code == 0)
    assert not (tmp_path / "lake").exists()
