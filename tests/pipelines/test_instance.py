"""The configuration of a lake's Dagster instance: new lakes get it, untouched copies follow it, edited ones stay."""

import hashlib
from pathlib import Path

import dagster as dg
import pytest

from pipelines import instance as module
from pipelines.definitions import bind
from pipelines.instance import SHIPPED, configure
from resources.config.settings import load_settings
from resources.engines.progress import SilentProgress


def test_an_edited_copy_stays_and_an_untouched_one_follows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "lake" / ".dagster"
    assert configure(home)
    copy = home / "dagster.yaml"
    assert copy.read_bytes() == SHIPPED.read_bytes()
    assert not configure(home)
    copy.write_text("# ours\n")
    assert not configure(home)
    assert copy.read_text() == "# ours\n"
    monkeypatch.setattr(module, "FORMER", frozenset({hashlib.sha256(b"# ours\n").hexdigest()}))
    assert configure(home)
    assert copy.read_bytes() == SHIPPED.read_bytes()


def test_what_was_shipped_before_is_not_what_is_shipped_now() -> None:
    assert hashlib.sha256(SHIPPED.read_bytes()).hexdigest() not in module.FORMER


def test_progress_stands_in_the_log_of_the_run(tmp_path: Path) -> None:
    """As the UI reads it: with the shipped configuration, what a step says of its progress is an event of the run."""
    lake = tmp_path / "lake"
    configure(lake / ".dagster")

    bound = bind(lake, load_settings(), progress=SilentProgress()).resources or {}

    @dg.job(resource_defs={"progress": bound["progress"]})
    def work() -> None:
        _work()

    with dg.DagsterInstance.from_config(str(lake / ".dagster")) as instance:
        result = work.execute_in_process(instance=instance)
        lines = [entry.user_message for entry in instance.all_logs(result.run_id) if entry.dagster_event is None]
    assert lines[0] == "Measure claims: begun"


@dg.op(required_resource_keys={"progress"})
def _work(context: dg.OpExecutionContext) -> None:
    with context.resources.progress.track("Measure claims", 1) as advance:
        advance(1)
