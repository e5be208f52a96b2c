"""Publishing over a real lake: candidate, gate, current version, rollback, differences, and what crashes leave."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ops.core.schemas import DROPS, EXAMPLES
from ops.core.version_schemas import CURATED, CURRICULUM, VERDICTS, VERSIONS
from ops.decision.mix import MixSettings
from ops.decision.policy import Policy
from ops.decision.versions import LeftOut
from resources.config.settings import Settings, load_settings
from resources.gates.gates import candidate_gate
from resources.lake.tables import Lake
from resources.versions.publishing import (
    PublishError,
    compare,
    current_version,
    publish,
    reject,
    rollback,
    version_of,
    versions,
)
from tests.support.versions import POLICY, build, copies, deliver, fill, write_measures


@pytest.fixture(scope="module")
def settings() -> Settings:
    return replace(load_settings(), policy=POLICY)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake")


def test_a_candidate_is_no_version_until_it_is_published(lake: Lake, settings: Settings):
    ids = fill(lake)
    candidate = build(lake, settings)
    assert (candidate.version, candidate.fresh, current_version(lake)) == (1, True, None)
    assert candidate.counts["actions"] == {"downweight": 1, "drop": 1, "keep": 5}
    assert candidate.counts["rules"] == {"copy": 1, "long": 1}
    assert publish(lake, candidate, {"success": True})
    assert current_version(lake) == 1
    verdicts = lake.read(VERDICTS, where={"version": 1})
    curated = lake.read(CURATED, where={"version": 1})
    assert verdicts.num_rows == 7
    assert sorted(curated["weight"].to_pylist()) == [0.5, 1, 1, 1, 1, 1]
    assert ids["b"][0] not in curated["example_id"].to_pylist()
    ordered = lake.read(CURRICULUM, where={"version": 1})
    assert sorted(ordered["example_id"].to_pylist()) == sorted(curated["example_id"].to_pylist())
    row = version_of(lake, 1).row
    assert (row["policy"], row["code"], row["encoder"]) == (POLICY.hash, "code", "encoder")
    assert json.loads(row["tables"])["examples"] == lake.version(EXAMPLES)
    assert json.loads(row["config"])["curriculum"]["stages"] == 4


def test_what_is_current_is_not_made_again(lake: Lake, settings: Settings):
    fill(lake)
    publish(lake, build(lake, settings), {})
    before = lake.version(VERSIONS)
    again = build(lake, settings)
    assert (again.version, again.fresh) == (1, False)
    assert again.counts == version_of(lake, 1).counts
    assert not publish(lake, again, {})
    reject(lake, again, {})
    assert lake.version(VERSIONS) == before
    assert current_version(lake) == 1


def test_a_rejected_candidate_leaves_the_last_good_one(lake: Lake, settings: Settings):
    fill(lake)
    publish(lake, build(lake, settings), {})
    other = build(lake, replace(settings, policy=Policy()))
    reject(lake, other, {"removed_share": 0.9})
    assert (other.version, current_version(lake)) == (2, 1)
    assert [(v.number, v.state, v.current) for v in versions(lake)] == [(1, "published", True), (2, "rejected", False)]
    retried = build(lake, replace(settings, policy=Policy()))
    assert retried.version == 2
    assert publish(lake, retried, {})
    assert current_version(lake) == 2


def test_a_crash_between_tables_is_finished_under_the_same_number(
    lake: Lake, settings: Settings, monkeypatch: pytest.MonkeyPatch
):
    fill(lake)
    real = Lake.commit

    def breaks(self: Lake, spec: Any, staged: Any, **how: Any) -> bool:
        if spec is CURATED:
            raise OSError("disk full")
        return real(self, spec, staged, **how)

    monkeypatch.setattr(Lake, "commit", breaks)
    with pytest.raises(OSError, match="disk full"):
        build(lake, settings)
    monkeypatch.setattr(Lake, "commit", real)
    candidate = build(lake, settings)
    assert candidate.version == 1
    assert lake.read(VERDICTS).num_rows == 7
    assert lake.read(CURATED).num_rows == 6


def test_order_of_drops_decides_nothing(tmp_path: Path, settings: Settings):
    tables = []
    for reverse in (False, True):
        lake = Lake(tmp_path / f"lake-{reverse}")
        fill(lake, reverse=reverse)
        order = ["b-1", "a-1"] if reverse else ["a-1", "b-1"]
        candidate = build(lake, settings, deliveries=order)
        tables.append([candidate.content, *(lake.read(spec) for spec in (VERDICTS, CURATED, CURRICULUM))])
    assert tables[0][0] == tables[1][0]
    for left, right in zip(tables[0][1:], tables[1][1:], strict=True):
        assert left.equals(right)


def test_lost_rows_stop_everything(lake: Lake, settings: Settings):
    fill(lake)
    state = {"at": datetime.now(UTC), "drop": "a", "delivery": "a-1", "state": "admitted", "rows_kept": 4}
    lake.log(DROPS, lambda log: [state])
    with pytest.raises(PublishError, match=r"a-1: 4 kept, 3 judged"):
        build(lake, settings)
    assert versions(lake) == []


def test_two_publishers_do_not_interleave(lake: Lake, settings: Settings):
    fill(lake)
    first, second = build(lake, settings), build(lake, replace(settings, policy=Policy()))
    publish(lake, first, {})
    with pytest.raises(PublishError, match="built on version None, but 1 is current now"):
        publish(lake, second, {})
    assert current_version(lake) == 1
    again = build(lake, replace(settings, policy=Policy()))
    assert again.version == second.version
    assert publish(lake, again, {})


def test_rollback_holds_until_something_changes(lake: Lake, settings: Settings):
    fill(lake)
    publish(lake, build(lake, settings), {})
    publish(lake, build(lake, replace(settings, policy=Policy())), {})
    assert rollback(lake, 1)
    assert not rollback(lake, 1)
    assert current_version(lake) == 1
    nightly = build(lake, replace(settings, policy=Policy()))
    assert (nightly.version, nightly.fresh) == (2, False)
    assert not publish(lake, nightly, {})
    assert current_version(lake) == 1
    changed = build(lake, replace(settings, policy=Policy(POLICY.rules[:1])))
    assert (changed.version, changed.fresh) == (3, True)
    assert publish(lake, changed, {})
    with pytest.raises(PublishError, match="version 9 was never published, or was removed; published are 1, 2, 3"):
        rollback(lake, 9)


def test_going_back_to_an_earlier_policy_is_the_earlier_version(lake: Lake, settings: Settings):
    fill(lake)
    publish(lake, build(lake, settings), {})
    publish(lake, build(lake, replace(settings, policy=Policy())), {})
    back = build(lake, settings)
    assert (back.version, back.fresh) == (1, True)
    assert publish(lake, back, {})
    assert current_version(lake) == 1


def test_diff_names_what_changed_and_why(lake: Lake, settings: Settings):
    ids = fill(lake)
    publish(lake, build(lake, settings), {})
    publish(lake, build(lake, replace(settings, policy=Policy(POLICY.rules[:1]))), {})
    by_policy = compare(lake, 1, 2)
    assert by_policy.counts["reweighted"] == {"all": 1, "new policy": 1}
    (row,) = by_policy.rows.to_pylist()
    assert (row["example_id"], row["weight_before"], row["weight_after"]) == (ids["a"][2], 0.5, 1.0)
    assert [reason["rule"] for reason in row["reasons_before"]] == ["long"]

    write_measures(lake, "duplicates", "u1", copies(("a-1", ids["a"][0])))
    more = deliver(lake, "c", "c-1", ["new"])
    measures = {"difficulty": "d0", "duplicates": "u1"}
    policy = replace(settings, policy=Policy(POLICY.rules[:1]))
    publish(lake, build(lake, policy, deliveries=["a-1", "b-1", "c-1"], measures=measures), {})
    counts = compare(lake, 2, 3).counts
    assert counts["added"] == {"all": 2, "new data": 1, "new measure": 1}
    assert counts["removed"] == {"all": 1, "new measure": 1}
    added = {r["example_id"] for r in compare(lake, 2, 3).rows.to_pylist() if r["change"] == "added"}
    assert added == {more[0], ids["b"][0]}
    with pytest.raises(PublishError, match="there is no version 7; there are 1, 2, 3"):
        compare(lake, 1, 7)


def test_an_empty_corpus_has_an_empty_version(lake: Lake, settings: Settings):
    candidate = build(lake, settings, deliveries=[])
    assert candidate.counts["examples"] == 0
    assert publish(lake, candidate, {})


def test_the_target_mix_changes_weights_alone_and_is_gated(lake: Lake, settings: Settings):
    ids = deliver(lake, "a", "a-1", [f"answer {n}" for n in range(60)])  # every other one has a picture
    write_measures(lake, "duplicates", "u0", copies(*(("a-1", i) for i in ids[:40:2])))
    given = {"deliveries": ["a-1"]}
    gates = replace(settings.gates, removed_limit=0.5, removed_limit_dataset=0.5)
    target = replace(settings, policy=Policy(POLICY.rules[:1]), mix=MixSettings(visual_share=0.6))
    candidate = build(lake, target, **given)
    gate = candidate_gate(lake, candidate.version, deliveries=["a-1"], settings=gates)
    assert gate.success, gate.message
    facts = gate.results["facts"]
    assert facts["mix"][0]["before"] == pytest.approx(0.75)
    assert facts["mix"][0]["visual_share"] == pytest.approx(0.6, abs=1e-4)
    assert candidate.counts["mix"]["visual_factor"] == 0.5
    assert facts["mix"][0]["effective_share"] == pytest.approx(candidate.counts["mix"]["effective_share"])
    assert len(facts["mix_curve"]) == 19
    assert set(lake.read(CURATED, where={"version": 1})["weight"].to_pylist()) == {0.5, 1.0}
    assert set(lake.read(VERDICTS, where={"version": 1})["weight"].to_pylist()) == {0.0, 1.0}  # 0 is dropped
    assert publish(lake, candidate, gate.results)

    plain = build(lake, replace(target, mix=MixSettings()), **given)
    publish(lake, plain, {"success": True})
    changed = compare(lake, 1, 2)
    assert changed.counts["reweighted"] == {"all": 30, "new mix": 30}
    assert {(row["weight_before"], row["weight_after"]) for row in changed.rows.to_pylist()} == {(0.5, 1.0)}

    far = build(lake, replace(target, mix=MixSettings(visual_share=0.2)), **given)
    assert far.version == 3, "the mix is part of a version's content"
    gate = candidate_gate(lake, 3, deliveries=["a-1"], settings=gates)
    assert not gate.success
    assert "off_target" in gate.message
    assert gate.results["facts"]["mix"][0]["repeats"] == pytest.approx(3, abs=1e-4)


def test_a_version_pins_what_it_leaves_out_and_does_not_use_it(lake: Lake, settings: Settings):
    fill(lake)
    whole = build(lake, settings)
    publish(lake, whole, {})
    gone = LeftOut("c", "c-1", "rejected", "quarantine_share 1 > 0.05", "mend it")
    unheard = LeftOut("a", "a-1", "gate", "difficulty: odd", audits=("difficulty",), measures_only=True)
    without = build(lake, settings, left_out=[gone, unheard])
    assert without.content != whole.content
    assert without.counts["rules"] == {"copy": 1}, "the long answer is of the delivery whose measures are not used"
    publish(lake, without, {})
    assert version_of(lake, without.version).left_out == (gone, unheard)
    changed = compare(lake, whole.version, without.version).rows.to_pylist()
    assert [(row["change"], row["cause"]) for row in changed] == [("reweighted", "new measure")]


def test_a_drop_that_is_left_out_alone_makes_no_other_content(lake: Lake, settings: Settings):
    fill(lake)
    publish(lake, build(lake, settings), {})
    again = build(lake, settings, left_out=[LeftOut("c", "c-1", "rejected", "bad")])
    assert (again.version, again.fresh) == (1, False)
