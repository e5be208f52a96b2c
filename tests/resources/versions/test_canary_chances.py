"""What canaries tell of a version's rows: in a trial of a policy, of one example, and on the page; as the version has
it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from rich.console import Console

from ops.audits.registry import all_audits
from ops.canaries.chances import AuditChances
from ops.chances.known_faults import fit_fault
from ops.core.measure_schemas import CANARY_CHANCES, CORPUS_JOBS
from ops.decision.policy import Action, Condition, Policy, Rule
from pipelines.why_text import explained
from resources.config.settings import load_settings
from resources.lake.tables import Lake
from resources.report.canary_figures import chance_figures
from resources.report.report import make_report
from resources.versions.canary_chances import known_chances, version_chances
from resources.versions.explanation import why
from resources.versions.policy_trial import try_policy
from resources.versions.publishing import publish, version_of
from tests.support.versions import build, deliver, label, write_measures

CLAIMS = all_audits()["claims"]
CONTRADICTED = Rule(
    "contradicted", "claims", (Condition.parse("verdict == contradicted"),), Action.DOWNWEIGHT, "false", 0.5
)
STRICT = Rule("strict", "claims", (Condition.parse("score >= 0.95"),), Action.HOLD, "false")
MEASURES = {"difficulty": "d0", "claims": "c0"}


def claim(name: str, score: float | None, delivery: str) -> dict[str, Any]:
    verdict = "abstained" if score is None else "contradicted" if score > 0.5 else "supported"
    keys = {"delivery": delivery, "example_id": name, "turn": 0, "claim": 0}
    return {**keys, "score": score, "verdict": verdict, "abstained": score is None}


def tell(lake: Lake, delivery: str, *, hour: int = 0, measures: str = "c0", apart: float = 0.6) -> None:
    """Canaries of a delivery, whose scores lie that much higher than those of sound rows."""
    rng = np.random.default_rng(0)
    own, damaged = rng.uniform(0, 0.3, 300), rng.uniform(0, 0.3, 60) + apart
    assert CLAIMS.suspicion
    model = fit_fault([f"{n}" for n in range(300)], np.append(own[20:], damaged[:20]), damaged)
    row = AuditChances("claims", CLAIMS.suspicion, model).row | {"delivery": delivery, "measures": measures}
    row |= {"identity": f"{hour}", "at": datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=hour)}
    rows = pa.Table.from_pylist([row], schema=CANARY_CHANCES.schema)
    lake.write(CANARY_CHANCES, rows, partition={}, once=f"{delivery}/{hour}")


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """A version of two drops of four examples each: of a, canaries tell; of b they do not."""
    lake = Lake(tmp_path / "lake")
    for drop, scores in (("a", (0.1, 0.2, 0.75, None)), ("b", (0.1, 0.2, 0.3, None))):
        names = deliver(lake, drop, f"{drop}-1", ["one", "two", "three", "four"])
        rows = [claim(name, score, f"{drop}-1") for name, score in zip(names, scores, strict=True)]
        write_measures(lake, "claims", "c0", rows, delivery=f"{drop}-1")
    tell(lake, "a-1")
    tell(lake, "b-1", measures="of another encoder")
    settings = replace(load_settings(), policy=Policy((CONTRADICTED,)))
    publish(lake, build(lake, settings, measures=MEASURES), {})
    return lake


def flagged(lake: Lake) -> str:
    rows = lake.read(CLAIMS.table, where={"delivery": "a-1"}).to_pylist()
    return next(row["example_id"] for row in rows if row["verdict"] == "contradicted")


def test_a_trial_foresees_wrong_flags_of_rules_that_canaries_tell_of(lake: Lake) -> None:
    likely = why(lake, flagged(lake)).chances["claims"]
    assert 0.5 < likely["low"] <= likely["probability"] <= likely["high"] <= 1
    rules = {row["rule"]: row for row in try_policy(lake, Policy((CONTRADICTED, STRICT))).by_rule}
    assert rules["contradicted"]["expected_wrong"] == pytest.approx(1 - likely["probability"])
    # Of a rule that flags rows of b they tell nothing.
    everything = Policy((Rule("all", "claims", (Condition.parse("score >= 0"),), Action.HOLD, "all"),))
    assert try_policy(lake, everything).by_rule[0]["expected_wrong"] is None


def test_of_one_example_it_is_told_with_its_interval(lake: Lake) -> None:
    file = StringIO()
    Console(file=file, width=200).print(explained(why(lake, flagged(lake)), everything=False))
    line = "By canaries, claims: false colour or false number or false object or false yes no with probability"
    assert line in file.getvalue()
    silent = [row["example_id"] for row in lake.read(CLAIMS.table, where={"delivery": "b-1"}).to_pylist()]
    assert all(why(lake, name).chances == {} for name in silent)


def test_the_page_shows_shares_and_wrong_flags(lake: Lake) -> None:
    page = Path(make_report(lake, 1)).read_text("utf-8")
    assert "of these 1 are flagged wrongly" in " ".join(page.split())
    assert "By the probabilities that its audit or canaries tell" in page


def test_a_version_keeps_what_canaries_told_when_it_was_made(lake: Lake) -> None:
    before = why(lake, flagged(lake)).chances
    tell(lake, "a-1", hour=1, apart=0.05)
    assert why(lake, flagged(lake)).chances == before
    known = version_chances(lake, version_of(lake, 1), ["a-1", "b-1"])
    assert {audit: list(of_delivery) for audit, of_delivery in known.items()} == {"claims": ["a-1"]}


@pytest.mark.parametrize("labels", [20, 80])
def test_labels_correct_what_canaries_tell_where_they_are_enough(tmp_path: Path, labels: int) -> None:
    """Of the rows that canaries are sure of a reviewer finds every third sound."""
    lake = Lake(tmp_path / "lake")
    names = deliver(lake, "a", "a-1", [f"{n}" for n in range(200)])
    scores = np.random.default_rng(1).uniform(0.6, 0.9, 100).tolist() + [0.1] * 100
    rows = [claim(name, score, "a-1") for name, score in zip(names, scores, strict=True)]
    write_measures(lake, "claims", "c0", rows, delivery="a-1")
    tell(lake, "a-1")
    settings = replace(load_settings(), policy=Policy((CONTRADICTED,)))
    publish(lake, build(lake, settings, deliveries=["a-1"], measures=MEASURES), {})
    before = {name: why(lake, name).chances["claims"]["probability"] for name in names[:10]}
    wrong = try_policy(lake, Policy((CONTRADICTED,))).by_rule[0]["expected_wrong"]
    label(lake, {name: at % 3 > 0 for at, name in enumerate(names[:labels])})
    candidate = build(lake, settings, deliveries=["a-1"], measures=MEASURES)
    # Version 1 stays as it was made; the next one pins the labels, if there are enough to correct anything.
    assert (candidate.version, candidate.fresh) == ((1, False) if labels == 20 else (2, True))
    publish(lake, candidate, {})
    assert try_policy(lake, Policy((CONTRADICTED,)), 1).by_rule[0]["expected_wrong"] == wrong
    figures = [
        chance_figures(version_chances(lake, version_of(lake, number), ["a-1"]), {"a-1": "a"})[0].labels
        for number in (1, candidate.version)
    ]
    after = {name: why(lake, name).chances["claims"] for name in names[:10]}
    if labels == 20:
        assert ({name: after[name]["probability"] for name in after}, figures) == (before, [0, 0])
    else:
        assert figures == [0, labels]
        assert all(abs(after[name]["probability"] - 2 / 3) < abs(before[name] - 2 / 3) for name in before)
        assert try_policy(lake, Policy((CONTRADICTED,))).by_rule[0]["expected_wrong"] > wrong + 10
        file = StringIO()
        Console(file=file, width=200).print(explained(why(lake, names[0]), everything=False))
        assert "corrected by 80 labels" in file.getvalue()


def test_what_is_told_of_measures_of_the_corpus_holds_whatever_deliveries_they_are_of(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake")
    tell(lake, "a-1", measures="family")
    jobs = [{"audit": "claims", "family": "family", "identity": name, "state": "done"} for name in ("of a", "of both")]
    rows = pa.Table.from_pylist([{"sequence": at, **job} for at, job in enumerate(jobs)], schema=CORPUS_JOBS.schema)
    lake.write(CORPUS_JOBS, rows, partition={}, once="jobs")
    pinned = {CANARY_CHANCES.name: lake.version(CANARY_CHANCES)}
    known = {
        name: known_chances(lake, ["a-1"], {"claims": name}, pinned=pinned) for name in ("of a", "of both", "other")
    }
    assert {name: list(chances) for name, chances in known.items()} == {
        "of a": ["claims"],
        "of both": ["claims"],
        "other": [],
    }
