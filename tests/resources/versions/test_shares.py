"""A version is the same however its corpus was cut into shares, and wherever its tasks ran."""

import pickle
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from ops.core.schemas import EXAMPLES
from ops.core.tasks import InProcess, Tasks
from ops.core.version_schemas import CURATED, CURRICULUM, VERDICTS
from ops.decision.mix import MixSettings
from ops.decision.policy import Action, Condition, Policy, Rule
from ops.decision.version_diff import Pins
from resources.config.settings import Settings, load_settings
from resources.engines.tasks import OnRay
from resources.gates.candidate import Stored, facts_of
from resources.lake.shares import Share, View, shares_of
from resources.lake.tables import Lake
from resources.versions import candidates
from resources.versions.policy_trial import try_policy
from resources.versions.publishing import publish, version_of
from tests.support.versions import POLICY, build, copies, deliver, write_measures

TABLES = (VERDICTS, CURATED, CURRICULUM)
LONGER = Policy(
    (Rule("longer", "difficulty", (Condition.parse("answer_words > 3"),), Action.DOWNWEIGHT, "longer", 0.25),)
)


@pytest.fixture(scope="module")
def settings() -> Settings:
    loaded = replace(load_settings(), policy=POLICY)
    curriculum = replace(loaded.curriculum, replay=0.3)
    return replace(loaded, curriculum=curriculum, mix=MixSettings(visual_share=0.3, least_effective=0.1))


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Two deliveries of 60 and 7 examples, some copies among them."""
    lake = Lake(tmp_path_factory.mktemp("shares") / "lake")
    words = np.random.default_rng(0).integers(1, 12, 60)
    ids = deliver(lake, "a", "a-1", ["word " * int(count) for count in words])
    deliver(lake, "b", "b-1", ["one", "two", "three", "four", "five", "six", "a rather long answer with many words"])
    write_measures(lake, "duplicates", "u0", copies(*(("a-1", one) for one in ids[::9])))
    return lake


def rows_of(lake: Lake, version: int) -> list[pa.Table]:
    return [lake.read(spec, where={"version": version}).drop_columns(["version"]) for spec in TABLES]


def facts(lake: Lake, version: int, settings: Settings, tasks: Tasks, share_rows: int) -> dict[str, Any]:
    pins = Pins.of(version_of(lake, version).row)
    stored = Stored(lake, version, ("a-1", "b-1"), pins.measures, pins.without, "encoder", settings.mix)
    return {name: table.to_pylist() for name, table in facts_of(stored, tasks, share_rows=share_rows).items()}


@pytest.mark.full
@pytest.mark.parametrize("share_rows", [1, 10, 60])
def test_shares_change_nothing_of_a_version(lake: Lake, settings: Settings, share_rows: int):
    whole, cut = (
        build(lake, settings, code=f"code-{rows}", share_rows=rows, measures={"difficulty": "d0", "duplicates": "u0"})
        for rows in (1000, share_rows)
    )
    assert whole.version != cut.version
    assert whole.counts == cut.counts
    assert whole.counts["mix"]["repeats"] > 1
    for left, right in zip(rows_of(lake, whole.version), rows_of(lake, cut.version), strict=True):
        assert left.num_rows
        assert left.equals(right)
    whole_facts, cut_facts = (facts(lake, whole.version, settings, InProcess(), rows) for rows in (1000, share_rows))
    assert whole_facts == cut_facts
    assert whole_facts["version"][0]["missing_in_curriculum"] == 0


def test_shares_change_nothing_of_a_trial(lake: Lake, settings: Settings):
    publish(lake, build(lake, settings), {})
    whole, cut = (try_policy(lake, LONGER, share_rows=rows) for rows in (1000, 9))
    assert (whole.before, whole.after, whole.change.counts) == (cut.before, cut.after, cut.change.counts)
    assert whole.change.counts["reweighted"]["all"] > 0
    assert whole.change.rows.equals(cut.change.rows)


def test_shares_hold_each_example_once(lake: Lake):
    shares = shares_of({"a-1": 60, "b-1": 7, "c-1": 5}, 12)
    assert shares[-1] == Share(("b-1", "c-1"))
    read = [
        batch["example_id"].to_pylist()
        for share in shares
        for batch in View(lake, {}, share).batches(EXAMPLES, columns=["example_id"])
    ]
    ids = [one for part in read for one in part]
    assert len(shares) == 6
    assert len(read) > 4
    assert sorted(ids) == sorted(lake.read(EXAMPLES)["example_id"].to_pylist())


class Sent(InProcess):
    """Every task as if it ran elsewhere: it gets copies of its arguments whose arrays cannot be written to."""

    def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        return self._sent(super().call(*self._sent((function, *arguments))))

    def parts(self, count: int, function: Callable[..., Any], *arguments: Any) -> list[Any]:
        return self._sent(super().parts(count, *self._sent((function, *arguments))))

    @staticmethod
    def _sent(thing: Any) -> Any:
        buffers: list[pickle.PickleBuffer] = []
        packed = pickle.dumps(thing, protocol=5, buffer_callback=buffers.append)
        return pickle.loads(packed, buffers=[bytes(buffer.raw()) for buffer in buffers])  # noqa: S301


def test_tasks_can_be_sent_away(lake: Lake, settings: Settings, monkeypatch: pytest.MonkeyPatch):
    local = build(lake, settings, code="not sent")
    monkeypatch.setattr(candidates, "tasks_for", lambda *_: Sent())
    sent = build(lake, settings, code="sent", share_rows=10)
    assert local.counts == sent.counts
    for left, right in zip(rows_of(lake, local.version), rows_of(lake, sent.version), strict=True):
        assert left.equals(right)
    assert facts(lake, sent.version, settings, Sent(), 10) == facts(lake, local.version, settings, InProcess(), 1000)


@pytest.mark.full
@pytest.mark.usefixtures("ray_session")
def test_workers_change_nothing(lake: Lake, settings: Settings, monkeypatch: pytest.MonkeyPatch):
    on_ray = OnRay()
    local = build(lake, settings, code="here")
    monkeypatch.setattr(candidates, "tasks_for", lambda *_: on_ray)
    there = build(lake, settings, code="there", share_rows=10)
    assert local.counts == there.counts
    for left, right in zip(rows_of(lake, local.version), rows_of(lake, there.version), strict=True):
        assert left.equals(right)
    of_there = facts(lake, there.version, settings, on_ray, 10)
    assert of_there == facts(lake, local.version, settings, InProcess(), 1000)
