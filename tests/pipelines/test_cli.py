"""The command line's promises to those who call it: exit status, one clear line, no traceback."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ASSAY = Path(sys.executable).with_name("assay")


def assay(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("ASSAY_", "DAGSTER_"))}
    return subprocess.run([ASSAY, *words], cwd=cwd, env=environment, capture_output=True, text=True, check=False)


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
    done = assay(*words, cwd=tmp_path)
    assert done.returncode == status, done.stderr
    assert told in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr


def test_help_names_every_command(tmp_path: Path) -> None:
    done = assay("--help", cwd=tmp_path)
    assert done.returncode == 0
    for command in ("run", "demo", "why", "versions", "diff", "rollback", "export", "policy", "report"):
        assert command in done.stdout
