"""Errors on the command line: what a caller can mend is one line; anything else is called a fault of Assay."""

import builtins
import json
import os
import stat
import tempfile
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from ops.core.errors import AssayError, MissingError, UnusableError, mendable_names
from ops.core.schemas import DROPS
from ops.core.version_schemas import VERDICTS, VERSIONS
from pipelines.app import COMMANDS, POLICY_COMMANDS, App, DebugOption, LakeOption, app
from pipelines.faults import is_mendable
from resources.config.settings import SettingsError, load_settings
from resources.lake.layout import FILE, FORMAT
from resources.lake.tables import Lake
from resources.versions.publishing import publish
from tests.support.commands import commands_of
from tests.support.versions import POLICY, build, fill

for module in {*COMMANDS.values(), *POLICY_COMMANDS.values()}:
    import_module(module)


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A working directory and a folder for temporary files of its own, and none of the variables that are read."""
    for name in [name for name in os.environ if name.startswith(("ASSAY_", "DAGSTER_"))]:
        monkeypatch.delenv(name)
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    monkeypatch.chdir(tmp_path)


def printed(*words: str | Path, of: typer.Typer = app) -> tuple[int, str]:
    """Exit status, and what stands on standard error with its line breaks undone."""
    done = CliRunner().invoke(of, [str(word) for word in words])
    return done.exit_code, " ".join(done.stderr.split())


def raising(make: Callable[[], BaseException]) -> App:
    """An application of one command, which fails."""
    failing = App()

    @failing.command()
    def fail(lake: LakeOption = "lake", debug: DebugOption = False) -> None:
        raise make()

    return failing


FAULTS = [
    lambda: KeyError("typo_of_a_programmer"),
    lambda: LookupError("typo"),
    lambda: ValueError("a comparison of [bold] things"),
    lambda: TypeError("no such argument"),
    lambda: AssertionError(),
    lambda: RuntimeError("never"),
    lambda: ExceptionGroup("several", [ValueError("x")]),
]


@pytest.mark.parametrize("make", FAULTS, ids=lambda make: type(make()).__name__)
def test_a_programmers_error_is_called_a_fault(tmp_path: Path, make: Callable[[], BaseException]) -> None:
    (tmp_path / "lake").mkdir()
    status, words = printed(of=raising(make))
    assert status == 3
    assert f"fault: {type(make()).__name__}: {make()}: this is a fault of Assay" in words
    assert "Traceback" not in words
    (trace,) = (tmp_path / "lake" / ".private" / "faults").iterdir()
    assert str(trace) in words.replace(" ", "")
    assert "Traceback (most recent call last)" in trace.read_text()
    assert "raise make()" in trace.read_text()
    assert stat.S_IMODE(trace.stat().st_mode) == 0o600


@pytest.mark.parametrize("lake", ["mistyped", "s3://bucket/lake", "a-file"])
def test_without_a_lake_the_trace_is_a_temporary_file(tmp_path: Path, lake: str) -> None:
    (tmp_path / "a-file").write_text("")
    status, words = printed("--lake", lake, of=raising(FAULTS[0]))
    (trace,) = (tmp_path / "temporary").iterdir()
    assert status == 3
    assert str(trace) in words.replace(" ", "")
    assert {path.name for path in tmp_path.iterdir()} == {"a-file", "temporary"}


def test_where_no_trace_can_be_written_it_is_printed(tmp_path: Path) -> None:
    (tmp_path / "lake" / ".private").mkdir(parents=True)
    (tmp_path / "lake" / ".private" / "faults").write_text("a file where a folder should be")
    status, words = printed(of=raising(FAULTS[0]))
    assert status == 3
    assert "Traceback (most recent call last)" in words
    assert "File exists" in words


def name_of(value: object) -> str | None:
    """What stands for a parameter in the name of its test."""
    return " ".join(value) if isinstance(value, list) else value[:20] if isinstance(value, str) else None


MENDABLE = [
    (lambda: UnusableError("x is y; do z [now]"), 1, "error: x is y; do z [now]"),
    (lambda: MissingError("x is not there"), 1, "error: x is not there"),
    (lambda: SettingsError("a.yaml:2: x"), 2, "error: a.yaml:2: x"),
    (lambda: FileNotFoundError(2, "No such file or directory", "/x/y"), 1, "error: /x/y: No such file or directory"),
    (lambda: OSError(28, "No space left on device"), 1, "error: No space left on device"),
    (lambda: MemoryError(), 1, "error: there is not enough memory"),
]


@pytest.mark.parametrize(("make", "status", "line"), MENDABLE, ids=name_of)
def test_what_a_caller_can_mend_is_one_line(
    tmp_path: Path, make: Callable[[], BaseException], status: int, line: str
) -> None:
    assert printed(of=raising(make)) == (status, line)
    debugged = printed("--debug", of=raising(make))
    assert debugged[0] == status
    assert "Traceback (most recent call last)" in debugged[1]
    assert list(tmp_path.iterdir()) == [tmp_path / "temporary"]


def test_an_error_is_known_by_its_name_alone() -> None:
    """The record of a run keeps no more of it."""
    assert {"SettingsError", "DropError", "PublishError", "ExportError", "EncoderError"} <= mendable_names()
    for name in (
        *mendable_names(),
        "FileNotFoundError",
        "OSError",
        "ConnectionError",
        "MemoryError",
        "DagsterExecutionInterruptedError",
    ):
        assert is_mendable(name), name
    for name in ("KeyError", "ValueError", "LookupError", "TypeError", "print", "ConservationError", "Exception"):
        assert not is_mendable(name), name
    assert all(hasattr(builtins, base.__name__) or issubclass(base, AssayError) for base in MissingError.__bases__)


def test_a_ray_worker_hands_its_error_on() -> None:
    """Errors cross processes by pickle."""
    import pickle

    error = pickle.loads(pickle.dumps(UnusableError("x is y")))  # noqa: S301
    assert (type(error), str(error)) == (UnusableError, "x is y")


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a lake of one version, a lake of none, a policy, and a few things that are not what they seem."""
    folder = tmp_path_factory.mktemp("filled")
    lake = Lake(folder / "lake")
    fill(lake)
    publish(lake, build(lake, replace(load_settings(), policy=POLICY)), {})
    (folder / "unmeasured.yaml").write_text(
        "policy:\n  rules:\n"
        "    - {name: x, audit: rejected_as_target, when: [rejections > 0], action: drop, reason: x}\n"
    )
    (folder / "begun").mkdir()
    (folder / "begun" / "assay.yaml").touch()
    (folder / "bad.yaml").write_text("audits:\n  groundng: {}\n")
    (folder / "empty").mkdir()
    Lake(folder / "unpublished").log(DROPS, lambda log: [{"drop": "a", "delivery": "a-1", "state": "arrived"}])
    for damaged, spoil in (("cut", lambda path: path.write_bytes(b"x")), ("gone", lambda path: path.unlink())):
        spoilt = Lake(folder / damaged)
        fill(spoilt)
        publish(spoilt, build(spoilt, replace(load_settings(), policy=POLICY)), {})
        for path in (folder / damaged / VERDICTS.name).rglob("*.parquet"):
            spoil(path)
    for table in (DROPS, VERSIONS):
        (folder / "garbled" / table.name / "_delta_log").mkdir(parents=True)
        (folder / "garbled" / table.name / "_delta_log" / f"{0:020d}.json").write_text("{nonsense")
    for lake, number in (("garbled", FORMAT), ("older", 1), ("newer", FORMAT + 1)):
        (folder / lake / DROPS.name / "_delta_log").mkdir(parents=True, exist_ok=True)
        (folder / lake / FILE).write_text(json.dumps({"format": number}))
    return folder


USERS = [
    (["run", "no-such-folder"], 1, "no-such-folder: does not exist"),
    (["run", "bad.yaml"], 1, "is a file, not a folder"),
    (["run", "--config", "bad.yaml"], 2, "bad.yaml:2: audits.groundng: unknown audit"),
    (["run", "--config", "nowhere.yaml"], 2, "nowhere.yaml: cannot be read"),
    (["demo", "--conversations", "5"], 1, "a demo takes 60 to 800 conversations, not 5"),
    (["demo", "--config", "bad.yaml"], 2, "unknown audit"),
    (["demo", "--folder", "bad.yaml"], 1, "bad.yaml"),
    (["versions", "--lake", "nowhere"], 1, "nowhere: no lake is here"),
    (["versions", "--lake", "bad.yaml"], 1, "bad.yaml: no lake is here"),
    (["versions", "--lake", "garbled"], 1, "cannot be read"),
    (["diff", "1"], 2, "Missing argument"),
    (["diff", "one", "two"], 2, "unable to parse"),
    (["diff", "1", "9"], 1, "there is no version 9; there are 1"),
    (["diff", "1", "1", "--lake", "cut"], 1, "cannot be read"),
    (["diff", "1", "1", "--lake", "gone"], 1, "cannot be read"),
    (["rollback", "9"], 1, "version 9 was never published"),
    (["preflight", "1", "--trainer", "nonsense"], 2, "is none of"),
    (["preflight", "none", "--trainer", "trl"], 1, "drop 'none' has not been read"),
    (["reward", "nonsense"], 2, "'nonsense' names no reward; give FILE.py:FUNCTION"),
    (["checkpoint", "none.pt"], 1, "none.pt is not there"),
    (["reward", "x.py:f", "--style", "sideways"], 2, "style is 'sideways'; give one of"),
    (["report", "9"], 1, "there is no version 9"),
    (["review", "9"], 1, "there is no version 9"),
    (["review", "newest"], 2, "'newest' is neither a number nor 'latest'"),
    (["review", "--lake", "unpublished"], 1, "no version has been published yet"),
    (["review", "--take", "bad.yaml", "--by", "Ana"], 1, "row 1 has no column example_id, content_id, decision"),
    (["review", "--take", "nowhere.csv", "--by", "Ana"], 1, "nowhere.csv: No such file or directory"),
    (["review", "--take", "bad.yaml"], 1, "Name them with --by"),
    (["sample", "9"], 1, "there is no version 9"),
    (["sample", "1"], 1, "name another with --measure AUDIT.COLUMN"),
    (["sample", "1", "--rows", "0"], 1, "a sample has at least 1 row, not 0"),
    (["calibrate", "bad.yaml"], 1, "row 1 has no column example_id, content_id, label"),
    (["calibrate", "bad.yaml", "--target", "2"], 1, "--target is a precision above 0"),
    (["report", "--lake", "unpublished"], 1, "no version has been published yet"),
    (["report", "--lake", "cut"], 1, "cannot be read"),
    (["export", "9", "out", "--to", "jsonl"], 1, "there is no version 9"),
    (["export", "1", "out", "--to", "nonsense"], 2, "is none of"),
    (["export", "1", "out", "--to", "jsonl", "--order", "sideways"], 2, "is none of"),
    (["export", "1", "bad.yaml", "--to", "jsonl"], 1, "is a file; an export is a folder"),
    (["export", "1", ".", "--to", "jsonl"], 1, "is not empty and holds no export"),
    (["export", "1", "/proc/no/such", "--to", "jsonl"], 1, "No such file or directory"),
    (["why", "nobody"], 1, "no example and no raw row is called 'nobody'"),
    (["why", "0"], 1, "2 examples came from rows called '0'"),
    (["why", "3", "--pictures", "/proc/no/such"], 1, "No such file or directory"),
    (["policy", "try", "nowhere.yaml"], 2, "nowhere.yaml: cannot be read"),
    (["policy", "try", "bad.yaml"], 2, "unknown audit"),
    (["policy", "try", "unmeasured.yaml"], 1, "needs the measures of rejected_as_target"),
    (["policy", "try", "unmeasured.yaml", "--version", "9"], 1, "there is no version 9"),
    (["policy", "worth", "9"], 1, "there is no version 9"),
    (["policy", "override", "race=x", "--by", "A", "--why", "w", "--until", "2030-01-01"], 1, "give FAMILY=GROUP"),
    (["policy", "suggest"], 1, "no example has a label that reviewers agree on"),
    (["withdraw", "nothing"], 1, "there is no drop 'nothing'"),
    (["withdraw", "a", "--undo"], 1, "is not withdrawn"),
    (["withdraw", "a", "--lake", "nowhere"], 1, "no lake is here"),
    (["status", "--lake", "nowhere"], 1, "no lake is here"),
    (["status", "--config", "bad.yaml"], 2, "unknown audit"),
    (["doctor", "--config", "bad.yaml"], 2, "unknown audit"),
    (["vacuum", "--keep-last", "-1"], 2, "should be greater than or equal to 0"),
    (["vacuum", "--lake", "nowhere"], 1, "no lake is here"),
    (["migrate", "--lake", "nowhere"], 1, "no lake is here"),
    (["migrate", "--lake", "newer"], 1, "of newer code"),
    (["versions", "--lake", "older"], 1, "run `assay migrate"),
    (["versions", "--lake", "newer"], 1, "update Assay"),
    (["init", "begun"], 1, "assay.yaml is there already"),
    (["init", "s3://bucket/place"], 2, "the folder"),
    (["backfill", "--lake", "nowhere"], 1, "no lake is here"),
    (["backfill", "--only", "colour"], 1, "no audit of drops is called 'colour'"),
    (["backfill", "--only", "duplicates"], 1, "it is one of the corpus"),
]


@pytest.mark.parametrize(("words", "status", "line"), USERS, ids=name_of)
def test_what_users_do_wrong(
    filled: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], status: int, line: str
) -> None:
    monkeypatch.chdir(filled)
    given, text = printed(*words)
    assert (given, "Traceback" in text, "fault" in text) == (status, False, False), text
    assert line in text


def test_every_command_is_among_those_used_wrongly() -> None:
    used = {" ".join(words[:2]) if words[0] == "policy" else words[0] for words, _, _ in USERS}
    assert commands_of(app) == used


def test_every_command_reports_its_errors() -> None:
    """None was added past the application's own decorator."""
    waiting = [typer.main.get_command(app)]
    kinds: list[str] = []
    while waiting:
        for command in getattr(waiting.pop(), "commands", {}).values():
            if hasattr(command, "commands"):
                waiting.append(command)
            else:
                kinds.append(type(command).__name__)
    assert kinds == ["Command"] * len(commands_of(app))


def test_json_stays_json_when_all_is_well(filled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(filled)
    done = CliRunner().invoke(app, ["versions", "--json"])
    assert json.loads(done.stdout)[0]["version"] == 1
