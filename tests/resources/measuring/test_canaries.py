"""Canaries of a delivery: measured beside its rows, judged by its policy, and in no table of the lake but as counts."""

from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from ops.audits.registry import all_audits
from ops.canaries.outcome import ANY
from ops.canaries.rows import MARK
from ops.core.measure_schemas import CANARIES, CANARY_CHANCES, CANARY_GROUPS
from ops.core.schemas import EXAMPLES
from ops.core.tables import TABLES
from ops.decision.policy import Policy
from resources.config.settings import Settings, load_settings
from resources.engines.progress import SilentProgress
from resources.gates.canaries import latest_canaries
from resources.lake.tables import Lake
from resources.measuring.delivery import measure_delivery
from resources.measuring.recorded import row_identities
from tests.support.set_cosines import inputs_of
from tests.support.stored_delivery import stored

ROWS = 240


def settings() -> Settings:
    """Without the rule for which the mini encoder would embed texts of canaries, beside the vectors of a sample."""
    shipped = load_settings()
    return replace(shipped, policy=Policy(tuple(r for r in shipped.policy.rules if r.audit != "visual_necessity")))


@pytest.fixture(scope="module")
def measured(ray_session: None, tmp_path_factory: pytest.TempPathFactory) -> tuple[Lake, str]:
    drawn = np.random.default_rng(0)
    cosines = np.clip(drawn.normal(0.35, 0.08, ROWS), -1, 1)
    questions = [f"What is thing {n}?" for n in range(ROWS)]
    inputs = inputs_of(questions, [f"a cup of kind {n}" for n in range(ROWS)], cosines)
    lake, delivery = stored(tmp_path_factory.mktemp("lake"), inputs)
    # A file that shows nothing, of which no canary can be made.
    rows = inputs.examples.slice(0, 30).to_pylist()
    silent = [row | {"example_id": f"t{n}", "image_ids": [], "messages": []} for n, row in enumerate(rows)]
    texts = pa.Table.from_pylist(silent, schema=EXAMPLES.schema)
    lake.write(EXAMPLES, texts, partition={"delivery": delivery}, once="texts")
    words: dict[str, Any] = {"settings": settings(), "encoder": "sample", "progress": SilentProgress()}
    for _ in range(2):
        measure_delivery(lake, delivery, names=["conversation_grounding", "image_mismatch"], **words)
    return lake, delivery


@pytest.mark.full
def test_canaries_are_counted_once_for_the_audits_that_were_measured(measured: tuple[Lake, str]) -> None:
    lake, delivery = measured
    rows = {(row["fault"], row["audit"]): row for row in lake.read(CANARIES).to_pylist()}
    # Audits that were not asked for are flown all the same: what the policy finds is found by all of them.
    looking = {"shifted_join": {"alignment_shift", "conversation_grounding", "image_mismatch"}}
    looking |= {
        "wrong_image": {"claims", "conversation_grounding", "image_mismatch"},
        "reward_trace": {"reward_residue"},
    }
    assert set(rows) == {(fault, audit) for fault, audits in looking.items() for audit in {*audits, ANY}}
    mismatch = rows["wrong_image", "image_mismatch"]
    assert (mismatch["delivery"], mismatch["planted"], mismatch["own"]) == (delivery, ROWS // 20, ROWS)
    assert mismatch["caught"] >= mismatch["planted"] // 2
    assert mismatch["flagged"] <= ROWS // 50
    (latest,) = latest_canaries(lake).values()
    assert [(outcome.fault, outcome.audit) for outcome in latest] == sorted(rows)
    assert latest_canaries(lake, ["another"]) == {}
    assert mismatch["recall_low"] < mismatch["caught"] / mismatch["planted"] <= mismatch["recall_high"]


@pytest.mark.full
def test_too_few_canaries_tell_no_chance_and_say_so(measured: tuple[Lake, str]) -> None:
    lake, delivery = measured
    rows = {row["audit"]: row for row in lake.read(CANARY_CHANCES).to_pylist()}
    assert set(rows) == {"claims", "conversation_grounding"}
    identities = row_identities(settings(), "sample")
    grounded = rows["conversation_grounding"]
    assert (grounded["delivery"], grounded["measures"]) == (delivery, identities["conversation_grounding"])
    assert (len(grounded["canaries"]), grounded["own"]) == (ROWS // 20, ROWS)
    assert grounded["why"] == f"{ROWS // 20} canaries with a score, and 30 are asked for"


@pytest.mark.full
def test_canaries_are_counted_by_group_of_their_own_rows(measured: tuple[Lake, str]) -> None:
    lake, _ = measured
    groups = lake.read(CANARY_GROUPS).to_pylist()
    rows = [row for row in groups if row["family"] == "dataset"]
    counts = {row["fault"]: row["rows"] for row in rows}
    assert (counts[""], counts["wrong_image"], counts["shifted_join"]) == (ROWS, ROWS // 20, 24)
    caught = {row["fault"]: row["caught"] for row in lake.read(CANARIES).to_pylist() if row["audit"] == ANY}
    assert {row["fault"]: row["met"] for row in rows if row["fault"]} == caught
    # Each row's picture is stood for by one of a few.
    pictures = [row for row in groups if row["family"] == "pictures"]
    assert sum(row["rows"] for row in pictures if not row["fault"]) == ROWS
    assert sum(row["rows"] for row in pictures if row["fault"] == "wrong_image") == ROWS // 20
    assert len({row["group"] for row in pictures}) == 64


@pytest.mark.full
def test_no_canary_is_in_any_table(measured: tuple[Lake, str]) -> None:
    lake, _ = measured
    tables = [*TABLES.values(), *(audit.table for audit in all_audits().values())]
    named = [spec for spec in tables if "example_id" in spec.schema.names]
    ids = {i for spec in named for i in lake.read(spec, columns=["example_id"])["example_id"].to_pylist()}
    assert len(ids) == ROWS + 30
    assert not [i for i in ids if str(i).startswith(MARK)]
