"""Which Java is taken, among installations that are scripts which answer like one."""

from pathlib import Path

import pytest

from resources.engines.java import find_java, require_java


def install(home: Path, version: str) -> Path:
    program = home / "bin" / "java"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\" 2026-01-20' >&2\n")
    program.chmod(0o755)
    return home


@pytest.mark.parametrize(("version", "release"), [("17.0.15", 17), ("21", 21), ("25.0.1", 25)])
def test_java_home_comes_first(version: str, release: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAVA_HOME", str(install(tmp_path / "home", version)))
    monkeypatch.setenv("PATH", str(install(tmp_path / "path", "17.0.1") / "bin"))
    java = require_java()
    assert (java.home, java.release) == (tmp_path / "home", release)


@pytest.mark.parametrize("version", ["11.0.2", "1.8.0_392", "24.0.1"])
def test_a_release_that_spark_does_not_run_on_is_passed_over(
    version: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JAVA_HOME", str(install(tmp_path / "home", version)))
    monkeypatch.setenv("PATH", f"{install(tmp_path / 'path', '21.0.2') / 'bin'}:/bin")
    java = find_java()
    assert java is not None
    assert (java.home, java.release) == (tmp_path / "path", 21)


def test_a_folder_without_a_program_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", f"{install(tmp_path / 'path', '17.0.2') / 'bin'}:/bin")
    assert require_java().home == tmp_path / "path"
