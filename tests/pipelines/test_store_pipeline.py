"""A night with drop, lake, report and export in an object store: the commands as a person types them, each a process of
its own, in a folder where nothing may land."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from resources.export.checking import verify
from resources.storage.storage import Storage
from tests.support.killing import ASSAY
from tests.support.stores import ROOT, s3_store

pytestmark = pytest.mark.full


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A bucket, and an environment that leads to it with homes of its own."""
    with s3_store() as store:
        for name, value in {**store.variables, "XDG_STATE_HOME": str(tmp_path / "state")}.items():
            monkeypatch.setenv(name, value)
        for name in ("DAGSTER_HOME", "ASSAY_LAKE", "RAY_ADDRESS"):
            monkeypatch.delenv(name, raising=False)
        yield store.address


def assay(folder: Path, *words: str) -> str:
    """What the command prints; it must succeed."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [*ASSAY, *words], cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=900
    )
    assert done.returncode == 0, f"{words}: {done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.mark.timeout(1800)
def test_everything_of_a_night_lies_in_the_store(photos: Path, shelf: str, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    drop, lake = Storage.at(f"{shelf}/drops/photos"), f"{shelf}/lake"
    names = ["captions.jsonl", *(f"images/{path.name}" for path in (photos / "images").iterdir())]
    for name in names:
        drop.copy_in(photos / name, name)

    outcome = json.loads(assay(folder, "run", drop.root, "--lake", lake, "--json"))
    assert outcome["version"] == 1, outcome
    versions = json.loads(assay(folder, "versions", "--lake", lake, "--json"))
    assert [(version["version"], version["current"]) for version in versions] == [(1, True)]
    page = assay(folder, "report", "1", "--lake", lake).strip()
    assert page == f"{lake}/reports/version-1.html"
    assert (Storage.at(lake).read("reports/version-1.html") or b"").startswith(b"<!doctype html>")

    export = f"{shelf}/export"
    exported = json.loads(assay(folder, "export", "1", export, "--to", "jsonl", "--lake", lake, "--check", "--json"))
    assert (exported["place"], exported["checked"], exported["fresh"]) == (export, True, True)
    assert verify(export) == []
    rows = [name for name in Storage.at(export).sizes() if name.endswith(".jsonl")]
    first = json.loads((Storage.at(export).read(rows[0]) or b"").splitlines()[0])
    assert assay(folder, "why", first["example_id"], "--lake", lake)

    assert list(folder.iterdir()) == []
    assert any(name.startswith(".gates/") for name in Storage.at(lake).sizes())
    kept = [path for path in (tmp_path / "state").rglob("*") if path.is_file()]
    state = {path.relative_to(tmp_path / "state").parts[1] for path in kept}
    assert state <= {"stores", ".private"}, "Dagster's records and the token of Ray, by the address of the lake"
