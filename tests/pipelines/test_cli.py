"""The command line's promises to those who call it: exit status, one clear line, no traceback."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipelines.cli import app, load_commands

ASSAY = Path(sys.executable).with_name("assay")


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An empty working directory, and none of the variables that the command reads."""
    for name in [name for name in os.environ if name.startswith(("ASSAY_", "DAGSTER_"))]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    load_commands()


@pytest.mark.parametrize(
    ("words", "status", "told"),
    [
        (["run", "no-such-folder"], 1, "no-such-folder: does not exist"),
        (["run", "--config", "bad.yaml"], 2, "bad.yaml:2: audits.groundng: unknown audit"),
        (["versions"], 1, "no lake is here"),
        (["diff", "1"], 2, "Missing argument"),
        (["no-such-command"], 2, "No such command"),
    ],
)
def test_errors_are_one_clear_line(tmp_path: Path, words: list[str], status: int, told: str) -> None:
    (tmp_path / "bad.yaml").write_text("audits:\n  groundng: {}\n")
    done = CliRunner().invoke(app, words)
    assert done.exit_code == status, done.stderr
    assert told in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr


def test_help_names_every_command() -> None:
    """As a person calls it: the script, in a process of its own."""
    done = subprocess.run([ASSAY, "--help"], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    for command in ("run", "demo", "why", "versions", "diff", "rollback", "export", "policy", "report"):
        assert command in done.stdout
