"""Models of raters by source, and what Spark makes of their votes."""

import numpy as np
import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from ops.corpus.glad import GLAD, Glad
from ops.corpus.judgements import sided, votes_of, with_reliability, with_voters
from ops.corpus.raters import Reliability, fitted
from ops.corpus.votes import Votes
from tests.support.corpora import Judged, frames
from tests.support.planted_annotators import planted

NAMES = tuple("abcd")


def codes(votes: Votes, source: int) -> pa.Table:
    """The votes as Spark's workers leave them, the code of a rater being ten times their number."""
    columns = {"source_code": np.full(len(votes.side), source), "subject": votes.subject, "code": votes.rater * 10}
    return pa.table({**columns, "side": votes.side})


def test_each_source_has_its_own_model_and_hard_subjects_their_odds() -> None:
    (hard, _), (alike, _) = planted("hard", 0, each=12), planted("alike", 0)
    names = pa.Table.from_pylist(
        [
            {"source": source, "rater": f"{rater:02d}", "source_code": at, "code": rater * 10}
            for at, source in enumerate(("pairs|hard", "pairs|alike"))
            for rater in range(30)
        ]
    )
    known = fitted(pa.concat_tables([codes(hard, 0), codes(alike, 1)]), names)
    rows = {row[0]: row[1:] for row in known.sources}
    assert {source: row[0] for source, row in rows.items()} == {"pairs|hard": GLAD, "pairs|alike": "majority"}
    assert rows["pairs|alike"][2] is None
    assert {row[0] for row in known.raters} == {"pairs|hard"}
    assert len(known.raters) == 30
    assert all(row[-1] is not None and row[3] == row[4] for row in known.raters)


def test_spark_adds_up_votes_on_subjects_that_may_be_hard(spark: SparkSession) -> None:
    model = Glad(np.array([2.5, 1.5, 0.3, -0.4]), -0.6)
    sides = {"all": (1, 1, 1, 0), "torn": (1, 0, 0, 1), "lone": (0, None, None, None)}
    rows = [
        Judged("x", "y", query=query, annotator=who) if side else Judged("y", "x", query=query, annotator=who)
        for query, own in sides.items()
        for who, side in zip(NAMES, own, strict=True)
        if side is not None
    ]
    named = zip(NAMES, model.reliability.tolist(), model.skill.tolist(), model.doubts.tolist(), strict=True)
    unknown = model.of_all
    of_source = (GLAD, 0.0, model.hard_odds, *(float(unknown.skill[0]),) * 2, float(unknown.doubts[0]))
    judged = sided(frames(spark, rows)["preferences"])
    source = judged.select("source").distinct().toArrow()["source"][0].as_py()
    known = Reliability(
        ((source, *of_source),),
        tuple((source, f"annotator|{who}", right, skill, skill, doubt) for who, right, skill, doubt in named),
    )
    voted = with_reliability(with_voters(judged, None), known)
    voted = voted.selectExpr("*", "false AS may_cycle", "false AS is_cycle_too_large")
    added = sorted(abs(row["log_odds"]) for row in votes_of(voted).collect())
    wanted = [
        float(np.abs(model.log_odds(Votes(np.zeros(len(who), np.int64), np.array(who), np.array(cast), 1, 4)))[0])
        for own in sides.values()
        for who, cast in [([n for n, s in enumerate(own) if s is not None], [bool(s) for s in own if s is not None])]
    ]
    assert added == pytest.approx(sorted(wanted), abs=1e-8)
