"""Questions to versions: trying a policy, why an example is where it is, and giving room back."""

import io
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from ops.audits.registry import all_audits
from ops.core.identity import image_id
from ops.core.schemas import IMAGES
from ops.core.version_schemas import CURATED, CURRICULUM, VERDICTS
from ops.decision.policy import Action, Condition, Policy, Rule
from ops.report.contact_sheet import contact_sheet
from resources.config.settings import Settings, load_settings
from resources.lake.retention import vacuum
from resources.lake.tables import Lake
from resources.versions.explanation import AmbiguousError, save_pictures, why
from resources.versions.policy_trial import changed_examples, try_policy
from resources.versions.publishing import PublishError, publish, rollback, versions
from tests.support.versions import POLICY, build, deliver, fill


@pytest.fixture(scope="module")
def settings() -> Settings:
    return replace(load_settings(), policy=POLICY)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake")


def picture() -> bytes:
    kept = io.BytesIO()
    Image.new("RGB", (300, 20), "red").save(kept, "PNG")
    return kept.getvalue()


STRICT = Policy((Rule("short", "difficulty", (Condition.parse("answer_words < 2"),), Action.DROP, "<b>short</b>"),))


def test_trying_a_policy_changes_nothing_and_says_what_would(lake: Lake, settings: Settings):
    ids = fill(lake)
    publish(lake, build(lake, settings), {})
    before = [lake.version(spec) for spec in (VERDICTS, CURATED, CURRICULUM)]
    trial = try_policy(lake, STRICT)
    assert trial.by_rule == [
        {"rule": "copy", "before": 1, "after": 0, "difference": -1, "expected_wrong": None},
        {"rule": "long", "before": 1, "after": 0, "difference": -1, "expected_wrong": None},
        {"rule": "short", "before": 0, "after": 6, "difference": 6, "expected_wrong": None},
    ]
    assert trial.change.counts == {
        "added": {"all": 0},
        "removed": {"all": 5, "new policy": 5},
        "reweighted": {"all": 1, "new policy": 1},
    }
    assert [lake.version(spec) for spec in (VERDICTS, CURATED, CURRICULUM)] == before
    rows = changed_examples(lake, trial.change.rows, limit=6)
    assert {row["example_id"] for row in rows} <= {i for group in ids.values() for i in group}
    page = contact_sheet("Trial", rules=trial.by_rule, rows=[{**rows[0], "picture": picture()}, *rows[1:]])
    assert "&lt;b&gt;short&lt;/b&gt;" in page
    assert "<b>short</b>" not in page
    assert "data:image/jpeg;base64," in page


def test_trying_needs_a_version_and_its_measures(lake: Lake, settings: Settings):
    with pytest.raises(PublishError, match="no version has been published"):
        try_policy(lake, STRICT)
    fill(lake)
    publish(lake, build(lake, settings), {})
    other = Policy((Rule("x", "rejected_as_target", (Condition.parse("rejections > 0"),), Action.DROP, "x"),))
    with pytest.raises(LookupError, match="needs the measures of rejected_as_target"):
        try_policy(lake, other)


def test_why_tells_everything_of_an_example(lake: Lake, settings: Settings, tmp_path: Path):
    ids = fill(lake)
    publish(lake, build(lake, settings), {})
    publish(lake, build(lake, replace(settings, policy=Policy(POLICY.rules[:1]))), {})
    answer = why(lake, ids["a"][2])
    assert answer.examples[0]["provenance"] == {"file": "a.json", "row": 2}
    assert answer.deliveries == {"a-1": "admitted"}
    assert answer.measures["difficulty"][0]["answer_words"] == 7
    assert answer.measures["difficulty"][0]["used_by"] == [1, 2]
    assert [(v["version"], v["current"], v["action"], v["weight"]) for v in answer.versions] == [
        (1, False, "downweight", 0.5),
        (2, True, "keep", 1.0),
    ]
    assert [reason["rule"] for reason in answer.versions[0]["reasons"]] == ["long"]
    assert answer.versions[1]["places"][0]["stage"] in range(4)
    assert save_pictures(lake, answer, tmp_path / "pictures") == []
    with pytest.raises(AmbiguousError, match=r"2 examples came from rows called '0'; ask for one of .* \(a\)"):
        why(lake, "0")
    assert why(lake, "3").example_id == ids["b"][3]
    with pytest.raises(LookupError, match="no example and no raw row is called 'nobody'"):
        why(lake, "nobody")


def test_a_candidate_of_an_ambiguous_name_is_listed_once(lake: Lake, settings: Settings):
    """A drop that was delivered twice holds each of its unchanged examples twice."""
    ids = fill(lake)
    deliver(lake, "a", "a-2", ["yes", "no", "a rather long answer with many words"])
    with pytest.raises(AmbiguousError) as error:
        why(lake, "0")
    text = str(error.value)
    assert text.startswith("2 examples came from rows called '0'")
    assert [text.count(group[0]) for group in (ids["a"], ids["b"])] == [1, 1]
    assert text.count("(a)") == text.count("(b)") == 1


def test_measures_of_a_corrected_drop_are_those_of_the_delivery_that_a_version_holds(lake: Lake, settings: Settings):
    ids = fill(lake)
    publish(lake, build(lake, settings), {})
    deliver(lake, "a", "a-2", ["yes", "no", "a rather long answer with many words"])
    publish(lake, build(lake, settings, deliveries=["a-2", "b-1"]), {})
    answer = why(lake, ids["a"][2])
    assert [row["used_by"] for row in answer.measures["difficulty"]] == [[1], [2]]
    assert [row["used_by"] for row in answer.measures_of(answer.judged)["difficulty"]] == [[2]]


def test_pictures_come_out_as_they_came_in(lake: Lake, settings: Settings, tmp_path: Path):
    fill(lake)
    data = picture()
    answer = replace(why(lake, "3"), examples=[{"image_ids": [image_id(data)]}])
    row = {"image_id": image_id(data), "bytes": data, "format": "PNG"}
    table = IMAGES.schema.empty_table().from_pylist([row], schema=IMAGES.schema)
    lake.write(IMAGES, table, partition={}, once="images")
    (path,) = save_pictures(lake, answer, tmp_path / "pictures")
    assert path.read_bytes() == data
    assert path.suffix == ".png"


def test_vacuum_keeps_what_kept_versions_need(lake: Lake, settings: Settings):
    fill(lake)
    policies = [POLICY, Policy(), Policy(POLICY.rules[:1]), Policy(POLICY.rules[1:])]
    for policy in policies:
        publish(lake, build(lake, replace(settings, policy=policy)), {})
    rollback(lake, 2)
    kept = {spec: lake.read(spec, where={"version": [2, 4]}) for spec in (VERDICTS, CURATED, CURRICULUM)}
    assert vacuum(lake, keep_last=1, dry_run=True).versions == [1, 3]
    assert lake.read(VERDICTS, where={"version": 1}).num_rows == 7
    done = vacuum(lake, keep_last=1)
    assert (done.versions, done.files) == ([1, 3], 6)
    for spec, rows in kept.items():
        assert lake.read(spec).equals(rows)
    assert [(v.number, v.state) for v in versions(lake)] == [
        (1, "removed"),
        (2, "published"),
        (3, "removed"),
        (4, "published"),
    ]
    assert vacuum(lake, keep_last=1).files == 0
    with pytest.raises(PublishError, match="version 1 was never published, or was removed; published are 2, 4"):
        rollback(lake, 1)
    again = build(lake, settings)
    assert again.version == 5
    assert lake.read(VERDICTS, where={"version": 5}).num_rows == 7


def test_vacuum_leaves_young_candidates(lake: Lake, settings: Settings):
    fill(lake)
    candidate = build(lake, settings)
    assert vacuum(lake, keep_last=0).versions == []
    assert publish(lake, candidate, {})
    build(lake, replace(settings, policy=Policy()))
    assert vacuum(lake, keep_last=0, grace_s=0).versions == [2]


def test_every_audit_of_the_policy_exists():
    named = set(load_settings().policy.audits)
    assert named
    assert named <= set(all_audits())
