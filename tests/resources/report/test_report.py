"""A report collected from a real lake: every figure follows from the rows, and nothing of the data becomes markup."""

import base64
import io
import json
import re
import shutil
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pyarrow as pa
import pytest
from PIL import Image

from ops.audits.registry import all_audits
from ops.core.identity import image_id
from ops.core.log import Log, Row, successor
from ops.core.measure_schemas import CONTRADICTION_RATES, MODALITY_STATISTICS
from ops.core.schemas import DROP_FILES, DROPS, EXAMPLES, IMAGES, QUARANTINE, TableSpec
from ops.core.tasks import InProcess
from ops.core.version_schemas import CURATED, CURRICULUM, VERDICTS, VERSIONS
from ops.decision.mix import MixSettings
from ops.decision.versions import LeftOut
from ops.report.data import ReportData
from ops.report.page import render
from resources.config.settings import load_settings
from resources.gates.candidate import Stored, facts_of
from resources.lake.tables import Lake
from resources.measuring.corpus import modality_identity
from resources.report.measure_pictures import measure_pictures
from resources.report.report import collect, make_report, report_path
from resources.report.version_pictures import removed_sheet, version_history

DELIVERY = "shop-1"
HOSTILE = "<script>alert(1)</script>"
RULES = [
    {
        "name": "exact_duplicate",
        "audit": "duplicates",
        "when": [{"column": "copies", "comparison": ">=", "value": 2}],
        "action": "drop",
        "reason": "stands twice",
        "weight": None,
    },
    {
        "name": "outvoted",
        "audit": "sft_contradictions",
        "when": [
            {"column": "is_majority", "comparison": "==", "value": False},
            {"column": "answer_kind", "comparison": "in", "value": ["yes_no", "colour"]},
        ],
        "action": "downweight",
        "reason": "most say otherwise",
        "weight": 0.5,
    },
]
RANKED = {"conversation_grounding": "cg"}


def picture(colour: str) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (640, 400), colour).save(out, "PNG")
    return out.getvalue()


PICTURES = [picture(colour) for colour in ("firebrick", "seagreen", "navy")]


def put(lake: Lake, spec: TableSpec, rows: list[dict[str, Any]], **partition: Any) -> None:
    lake.write(spec, pa.Table.from_pylist(rows, schema=spec.schema), partition=partition, once=str(partition))


def message(role: str, text: str, image: str | None = None) -> dict[str, Any]:
    parts = [{"type": "image", "image_id": image}] if image else []
    return {"role": role, "parts": [*parts, {"type": "text", "text": text}]}


def example(n: int) -> dict[str, Any]:
    pictures = [image_id(PICTURES[n % 3])] if n % 4 else []
    turns = [
        message("user", f"What is in picture {n}?", pictures[0] if pictures else None),
        message("assistant", "A shop."),
    ]
    turns += [message("user", "Which colour?"), message("assistant", HOSTILE if n == 1 else "Red.")]
    ids = {"drop": "shop", "delivery": DELIVERY, "example_id": f"e{n:02}", "source_id": f"row {n}", "kind": "sft"}
    of = {"dataset": "shops" if n < 15 else HOSTILE, "image_ids": pictures, "messages": turns}
    return {**ids, **of, "provenance": {"file": "a.json", "row": n}}


def verdict(n: int) -> dict[str, Any]:
    ids = {"version": 1, "delivery": DELIVERY, "example_id": f"e{n:02}", "source_id": f"row {n}", "kind": "sft"}
    row = {**ids, "dataset": example(n)["dataset"], "action": "keep", "weight": 1.0, "reasons": []}
    copy = {"rule": "exact_duplicate", "audit": "duplicates", "turn": None, "value": "copies=2"}
    vote = {"rule": "outvoted", "audit": "sft_contradictions", "turn": 1, "value": "is_majority=false"}
    if n < 6:
        return row | {"action": "drop", "weight": 0.0, "reasons": [{**copy, "detail": "stands twice"}]}
    return row | ({"action": "downweight", "weight": 0.5, "reasons": [{**vote, "detail": "others"}]} if n < 8 else {})


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Twenty examples, three quarantined rows, the measures of two audits, and version 1, published."""
    lake = Lake(tmp_path_factory.mktemp("lake"))
    put(lake, EXAMPLES, [example(n) for n in range(20)], delivery=DELIVERY)
    size = {"width_px": 640, "height_px": 400}
    put(lake, IMAGES, [{"image_id": image_id(data), "bytes": data, **size} for data in PICTURES])
    put(lake, QUARANTINE, [_quarantined(n) for n in range(3)], delivery=DELIVERY)
    _measure(lake)
    counts = {"identity": modality_identity([DELIVERY], {}), "delivery": DELIVERY, "dataset": "shops", "kind": "sft"}
    figures = {"modality": "visual", "examples": 15, "turns": 30, "loss_tokens": 60, "images": 15, "image_tokens": 8640}
    put(lake, MODALITY_STATISTICS, [counts | figures], identity=counts["identity"])
    rate = {"identity": "co", "delivery": DELIVERY, "dataset": "shops", "judged": 40}
    rates = [("is_flip", 4, 0.0396, 0.2305), ("in_cycle", 0, 0.0, 0.0876), ("any", 4, 0.0396, 0.2305)]
    rates_by_kind = [rate | dict(zip(("kind", "found", "low", "high"), row, strict=True)) for row in rates]
    put(lake, CONTRADICTION_RATES, rates_by_kind, identity="co")
    _publish(lake)
    return lake


def _quarantined(n: int) -> dict[str, Any]:
    raw = json.dumps({"id": n, "text": HOSTILE + "x" * 1000})
    where = {"delivery": DELIVERY, "file": "a.json", "row": 20 + n, "source_id": f"q{n}"}
    return where | {"reason": "image_missing" if n else "json_invalid", "detail": "cat.jpg", "raw": raw}


def _measure(lake: Lake) -> None:
    audits = all_audits()
    pairs = [
        {"delivery": DELIVERY, "example_id": f"e{n:02}", "other_delivery": DELIVERY, "other_id": "e19", "copies": 2 + n}
        for n in range(6)
    ]
    put(lake, audits["duplicates"].table, [pair | {"identity": "du"} for pair in pairs], identity="du")
    votes = [
        {"delivery": DELIVERY, "example_id": f"e{n:02}", "turn": 1, "answer_kind": "colour", "answer": "red"}
        | {"is_majority": n >= 8, "majority_share": 0.75, "identity": "sf"}
        for n in range(6, 10)
    ]
    put(lake, audits["sft_contradictions"].table, votes, identity="sf")
    words = [
        {"delivery": DELIVERY, "example_id": f"e{n:02}", "turns": 2, "answer_words": n * n, "identity": "di"}
        for n in range(20)
    ]
    put(lake, audits["difficulty"].table, words, delivery=DELIVERY, identity="di")
    # Every other image fits the text of e01 better; e04 could not be judged.
    ranks = [
        {"delivery": DELIVERY, "example_id": f"e{n:02}", "identity": "cg", "turns": 2}
        | ({"rank": 64 if n == 1 else 1, "compared": 63} if n != 4 else {"abstained": True})
        for n in range(5)
    ]
    put(lake, audits["conversation_grounding"].table, ranks, delivery=DELIVERY, identity="cg")


def _publish(lake: Lake) -> None:
    verdicts = [verdict(n) for n in range(20)]
    put(lake, VERDICTS, verdicts, version=1)
    members = [row for row in verdicts if row["action"] != "drop"]
    kept = [{name: row[name] for name in ("version", "delivery", "example_id", "kind", "weight")} for row in members]
    put(lake, CURATED, kept, version=1)
    order = [
        {"version": 1, "stage": n // 7, "position": n, "difficulty": n / 10, "delivery": DELIVERY}
        | {"example_id": row["example_id"]}
        for n, row in enumerate(members)
    ]
    put(lake, CURRICULUM, order, version=1)
    counts = {"rows_in": 23, "rows_kept": 20, "rows_quarantined": 3}
    check = {"part": "drop", "expectation": "x", "figure": "quarantine_share", "promised": "<= 0.2", "found": "0.13"}
    gate = {"gate": "ingest", "subject": "drop 'shop'", "success": True, "failures": [], "facts": {}}
    gate["checks"] = [check | {"success": True}]
    drop = {"drop": "shop", "delivery": DELIVERY, "licence": "MIT", **counts}
    put(lake, DROP_FILES, [{"delivery": DELIVERY, "file": "a.json", **counts}])
    states = [{"state": "arrived"}, {"state": "admitted", "gate_results": json.dumps(gate)}, {"state": "superseded"}]
    lake.log(DROPS, lambda log: [drop | state for state in states])
    row = {
        "version": 1,
        "at": datetime(2026, 11, 23, 2, 30, tzinfo=UTC),
        "deliveries": [DELIVERY],
        "measures": json.dumps(
            {"duplicates": "du", "sft_contradictions": "sf", "difficulty": "di", "gone": "xx", "contradictions": "co"}
            | RANKED
        ),
        "config": json.dumps({"policy": {"rules": RULES}}),
        "policy": "p0",
        "encoder": "mini-1",
        "code": "c0",
        "content": "h0",
    }
    failed = {**gate, "gate": "candidate", "subject": "version 1", "success": False, "failures": ["removed 1 > 0.3"]}
    facts = facts_of(Stored(lake, 1, (DELIVERY,), {}, {}, "", MixSettings()), InProcess())
    failed["facts"] = {part: table.to_pylist() for part, table in facts.items() if part.startswith("mix")}
    rollback = json.dumps({"rollback_from": 2})
    lake.log(
        VERSIONS,
        lambda log: [row | {"state": "candidate"}, row | _entered(json.dumps(failed)), row | _entered(rollback)],
    )


def _entered(gate_results: str) -> dict[str, Any]:
    return {"state": "published", "gate_results": gate_results}


@pytest.fixture(scope="module")
def data(lake: Lake) -> ReportData:
    return collect(lake, 1)


def test_rows_in_are_accounted_for(data: ReportData):
    (drop,) = data.drops
    assert (drop.drop, drop.licence) == ("shop", "MIT")
    assert [drop.total(name) for name in ("rows_in", "rows_kept", "rows_quarantined")] == [23, 20, 3]
    assert drop.reasons == {"image_missing": 2, "json_invalid": 1}
    assert data.actions == {"drop": 6, "downweight": 2, "keep": 12}
    assert data.datasets["shops"] == {"drop": 6, "downweight": 2, "keep": 7}


def test_rules_show_their_examples_with_text_image_measures_and_why(data: ReportData):
    first, second = data.rules
    assert (first.rule, first.examples, first.condition) == ("exact_duplicate", 6, "copies >= 2")
    assert [shown.example_id for shown in first.few_examples] == ["e00", "e01", "e02", "e03"]
    assert second.condition == "is_majority == false and answer_kind in [yes_no, colour]"
    example = second.few_examples[0]
    assert (example.example_id, example.action, example.weight, example.dataset) == ("e06", "downweight", 0.5, "shops")
    assert [turn.number for turn in example.turns] == [None, 0, None, 1]
    assert example.turns[0].text == "[image] What is in picture 6?"
    assert example.reasons[0].turn == 1
    assert (example.pictures[0].width_px, example.pictures[0].jpeg[:2]) == (640, b"\xff\xd8")
    assert example.measures["sft_contradictions"] == ("answer 2: answer_kind colour, answer red, majority_share 0.75",)


def test_audits_are_counted_and_drawn_with_the_thresholds_of_their_rules(data: ReportData):
    audits = {audit.name: audit for audit in data.audits}
    assert set(audits) == {"contradictions", "conversation_grounding", "difficulty", "duplicates", "sft_contradictions"}
    assert (audits["difficulty"].rows, audits["difficulty"].examples, audits["difficulty"].everything) == (20, 20, True)
    copies = audits["duplicates"].histograms[0]
    assert (copies.column, copies.counts, copies.edges[:2]) == ("copies", (1,) * 6, (1.5, 2.5))
    assert [(mark.rule, mark.bound, mark.alone) for mark in copies.thresholds] == [("exact_duplicate", 2, True)]
    kinds = {figure.column: figure for figure in audits["sft_contradictions"].histograms}
    assert (kinds["answer_kind"].labels, kinds["answer_kind"].counts) == (("colour",), (4,))
    assert kinds["is_majority"].labels == ("false", "true")
    assert kinds["is_majority"].thresholds[0].labels == ("false",)
    assert "group_id" in audits["sft_contradictions"].left_out


def test_the_share_of_mismatched_pairs_is_estimated_from_all_that_were_judged(lake: Lake, data: ReportData):
    notes = {audit.name: audit.notes for audit in data.audits if audit.notes}
    assert set(notes) == {"conversation_grounding"}
    (note,) = notes["conversation_grounding"]
    assert note.startswith("Of 4 conversations that could be judged, an estimated 50.0%")
    assert note in Path(make_report(lake, 1)).read_text(encoding="utf-8").replace("&#39;", "'")


def test_contradictions_are_rated_by_drop_dataset_and_kind(lake: Lake, data: ReportData):
    contradictions = [(row.drop, row.dataset, row.kind, row.judged, row.contradictory) for row in data.contradictions]
    assert contradictions == [("shop", "shops", "any", 40, 4), ("shop", "shops", "is_flip", 40, 4)]
    page = Path(make_report(lake, 1)).read_text(encoding="utf-8").replace("\u202f", " ").replace("\u00a0", " ")
    assert "4.0 % to 23 %" in page


def test_modality_and_the_cost_of_other_mixes_are_told(data: ReportData):
    (row,) = data.modality
    assert (row.drop, row.modality, row.loss_tokens, row.image_tokens) == ("shop", "visual", 60, 8640)
    assert [one.name for one in data.modality_sums] == ["shop", "all"]
    assert data.mix is not None
    assert (data.mix.counted, data.mix.target) == ("examples", None)
    assert 0 < data.mix.before == data.mix.visual_share < 1
    assert len(data.mix.curve) == 19
    best = max(data.mix.curve, key=lambda point: point.examples_kept)
    assert abs(best.visual_share - data.mix.before) < 0.05


def test_stages_tell_visual_share_difficulty_and_sources(data: ReportData):
    assert [(stage.number, stage.examples) for stage in data.stages] == [(0, 7), (1, 7)]
    assert data.stages[0].visual == sum(1 for n in range(6, 13) if n % 4)
    assert data.stages[0].difficulty[1] == pytest.approx(0.3)
    assert data.stages[1].datasets == {HOSTILE: 5, "shops": 2}


def test_gates_of_the_version_and_of_its_deliveries_are_told(data: ReportData):
    assert [(gate.gate, gate.success) for gate in data.gates] == [("candidate", False), ("ingest", True)]
    assert data.gates[0].failures == ("removed 1 > 0.3",)


def test_the_page_is_written_and_escapes_what_the_data_says(lake: Lake):
    path = Path(make_report(lake, 1))
    assert path == Path(report_path(lake, 1)) == Path(lake.root, "reports", "version-1.html")
    page = path.read_text(encoding="utf-8")
    assert HOSTILE not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert path.stat().st_size < 400_000


def test_the_head_of_the_page_says_what_is_left_out_and_rejected_drops_first(lake: Lake, tmp_path: Path):
    # The version leaves out two drops; a third was rejected since.
    out = tmp_path / "lake"
    shutil.copytree(lake.root, out)
    copy = Lake(out)
    odd = LeftOut("odd", "odd-1", "gate", "claims: share -1 < 0", "mend <it>", audits=("claims",))
    gone = LeftOut("old", "old-1", "withdrawn", "wrong licence", "`assay withdraw old --undo`")
    pinned = json.dumps([asdict(odd), asdict(gone)])

    def entered(log: Log) -> list[Row]:
        return [successor(log.rows[-1], left_out=pinned)]

    copy.log(VERSIONS, entered)
    gate = json.dumps({"failures": ["quarantine_share 1 > 0.05"], "fixes": ["mend the rows"]})
    copy.log(DROPS, lambda log: [{"drop": "new", "delivery": "new-1", "state": "rejected", "gate_results": gate}])
    data = collect(copy, 1)
    assert [one.drop for one in data.left_out] == ["new", "odd", "old"]
    page = render(data)
    head = page[: page.index("rows came in")]
    line = "<b>drop &#39;new&#39;</b>: rejected by the ingest gate: quarantine_share 1 &gt; 0.05. Fix: mend the rows"
    assert line in head
    assert "mend &lt;it&gt;" in head


def test_dagster_draws_what_the_version_leaves_out_and_tells_the_versions_before(lake: Lake):
    (line,) = version_history(lake, 1)
    assert (line["version"], line["state"], line["drops"]) == (1, "published", 1)
    assert (line["visual share"], line["contradictory share"]) == (1.0, 0.1)
    sheet = removed_sheet(lake, 1)
    dropped = [f"e{n:02}" for n in range(6) if example(n)["image_ids"]]
    assert sorted(re.findall(r"!\[(\w+)\]\(data:image/jpeg;base64,", sheet)) == dropped
    assert sheet.count("drop: `exact_duplicate`") == len(dropped)
    assert HOSTILE not in sheet


def test_measures_are_drawn_beside_those_of_the_deliveries_before(lake: Lake):
    audit, settings = all_audits()["conversation_grounding"], load_settings(None)
    drawn = measure_pictures(lake, audit, DELIVERY, identity=RANKED[audit.name], settings=settings)
    pictures = [base64.b64decode(data) for data in re.findall(r"data:image/svg\+xml;base64,([^)]+)", drawn)]
    assert pictures
    for picture in pictures:
        root = ElementTree.fromstring(picture)  # noqa: S314 - drawn here
        assert root.tag == "{http://www.w3.org/2000/svg}svg"
        assert list(root.iter("{http://www.w3.org/2000/svg}rect"))
    assert measure_pictures(lake, audit, DELIVERY, identity="none", settings=settings) == ""


def test_a_lake_without_a_version_says_so(tmp_path: Path):
    with pytest.raises(LookupError, match="no version is published yet"):
        make_report(Lake(tmp_path), None)
