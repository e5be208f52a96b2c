"""The demo's drop and its score."""

import hashlib
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from PIL import Image

from ops.audits.contract import Audit, Grain, Scope
from ops.core.schemas import EXAMPLES, QUARANTINE
from ops.core.version_schemas import VERDICTS
from ops.demo.build import Demo, build
from ops.demo.faults import FAULTS, Planted, read_planted
from ops.demo.pictures import Picture, false_turns, load_pictures
from ops.demo.score import Chances, Score, score, tally

SEED = 11


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    folder = tmp_path_factory.mktemp("demo")
    return build(folder / "drop", record=folder / "planted.jsonl", seed=SEED, conversations=200)


@pytest.fixture(scope="module")
def rows(demo: Demo) -> dict[str, dict[str, Any]]:
    """Every row of the drop by its id, as a reader of the files finds it."""
    read: list[dict[str, Any]] = []
    for name in demo.rows:
        text = (demo.folder / name).read_text("utf-8")
        read += [json.loads(line) for line in text.splitlines()] if name.endswith(".jsonl") else json.loads(text)
    return {row["id"]: row for row in read}


@pytest.fixture(scope="module")
def by_bytes() -> dict[str, Picture]:
    return {hashlib.sha256(picture.path.read_bytes()).hexdigest(): picture for picture in load_pictures()}


def of(demo: Demo, fault: str) -> list[Planted]:
    planted = [p for p in demo.planted if p.fault == fault]
    assert planted, f"{fault} is planted"
    return planted


def turns(row: dict[str, Any]) -> list[tuple[str, str]]:
    texts = [turn["value"].replace("<image>\n", "") for turn in row["conversations"]]
    return list(zip(texts[::2], texts[1::2], strict=True))


def picture_of(demo: Demo, row: dict[str, Any], by_bytes: dict[str, Picture]) -> Picture:
    image = row["image"] if "image" in row else row["images"][0]
    return by_bytes[hashlib.sha256((demo.folder / image).read_bytes()).hexdigest()]


def tree(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def test_every_question_of_easy_vqa_is_understood() -> None:
    pictures = load_pictures()
    assert (len(pictures), sum(len(picture.turns) for picture in pictures)) == (1000, 9673)
    assert all(picture.possible for picture in pictures)


def test_the_same_seed_gives_the_same_bytes(demo: Demo, tmp_path: Path) -> None:
    again = build(tmp_path / "drop", record=tmp_path / "planted.jsonl", seed=SEED, conversations=200)
    assert tree(again.folder) == tree(demo.folder)
    assert again.planted == demo.planted
    other = build(tmp_path / "other", record=tmp_path / "other.jsonl", seed=SEED + 1, conversations=200)
    assert tree(other.folder) != tree(demo.folder)


def test_a_number_of_conversations_that_cannot_be_had_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="60 to 800 conversations, not 801"):
        build(tmp_path / "drop", record=tmp_path / "planted.jsonl", conversations=801)


def test_the_record_stays_outside_the_drop(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="outside the drop"):
        build(tmp_path / "drop", record=tmp_path / "drop" / "planted.jsonl", conversations=60)


def test_a_folder_that_exists_is_left_alone(demo: Demo, tmp_path: Path) -> None:
    with pytest.raises(FileExistsError):
        build(demo.folder, record=tmp_path / "planted.jsonl", conversations=60)


@pytest.mark.parametrize("conversations", [60, 61, 117, 800])
def test_every_fault_is_planted_at_every_size_and_ingest_can_admit_the_drop(conversations: int, tmp_path: Path) -> None:
    made = build(tmp_path / "drop", record=tmp_path / "planted.jsonl", seed=conversations, conversations=conversations)
    counts = Counter(p.fault for p in made.planted)
    assert set(counts) == set(FAULTS)
    assert counts["unreadable_image"] + counts["placeholder_mismatch"] < 0.05 * sum(made.rows.values())
    assert read_planted(tmp_path / "planted.jsonl") == made.planted


def test_the_record_names_rows_that_exist_and_no_row_twice(demo: Demo, rows: dict[str, dict[str, Any]]) -> None:
    assert sum(demo.rows.values()) == len(rows)
    assert len({p.source_id for p in demo.planted}) == len(demo.planted)
    spoilt = {p.source_id for p in demo.planted}
    for p in demo.planted:
        text = (demo.folder / p.file).read_text("utf-8")
        line = json.loads(text.splitlines()[p.row] if p.file.endswith(".jsonl") else text)
        assert (line if p.file.endswith(".jsonl") else line[p.row])["id"] == p.source_id
        assert set(p.partners) <= set(rows) - spoilt


def test_every_swapped_image_makes_a_statement_false(
    demo: Demo, rows: dict[str, dict[str, Any]], by_bytes: dict[str, Picture]
) -> None:
    swapped = of(demo, "wrong_image")
    assert len(swapped) == 12
    for p in swapped:
        row = rows[p.source_id]
        assert false_turns(tuple(turns(row)), picture_of(demo, row, by_bytes)) > 0


def test_what_is_not_planted_is_true(demo: Demo, rows: dict[str, dict[str, Any]], by_bytes: dict[str, Picture]) -> None:
    spoilt = {p.source_id for p in demo.planted}
    sound = [row for row in rows.values() if row["id"] not in spoilt and "image" in row]
    assert len(sound) > 120
    assert all(false_turns(tuple(turns(row)), picture_of(demo, row, by_bytes)) == 0 for row in sound)
    assert not any(
        "<image>" in turn["value"]
        for row in rows.values()
        if "image" not in row and "images" not in row
        for turn in row["conversations"]
    )


def test_a_run_of_one_file_is_shifted(
    demo: Demo, rows: dict[str, dict[str, Any]], by_bytes: dict[str, Picture]
) -> None:
    shifted = of(demo, "shifted_join")
    places = [p.row for p in shifted]
    assert {p.file for p in shifted} == {"conversations-2.json"}
    assert places == list(range(places[0], places[0] + len(places)))
    assert len(places) >= 0.3 * demo.rows["conversations-2.json"]
    by = int(shifted[0].detail.split("shifted by ")[1].split(";")[0])
    dialogues = [tuple(turns(rows[p.source_id])) for p in shifted]
    pictured = [picture_of(demo, rows[p.source_id], by_bytes).turns for p in shifted]
    assert pictured == dialogues[by:] + dialogues[:by]


def test_broken_images_do_not_decode_and_sound_ones_do(demo: Demo, rows: dict[str, dict[str, Any]]) -> None:
    broken = {p.source_id for p in of(demo, "unreadable_image")}
    for row in rows.values():
        for image in [row["image"]] if "image" in row else row.get("images", []):
            if row["id"] in broken:
                with pytest.raises(OSError):  # noqa: PT011 - missing and truncated files differ in class and words
                    Image.open(demo.folder / image).load()
            else:
                assert Image.open(demo.folder / image).size == (64, 64)


def test_placeholders_are_miscounted_where_planted_alone(demo: Demo, rows: dict[str, dict[str, Any]]) -> None:
    def count(row: dict[str, Any]) -> int:
        return row["conversations"][0]["value"].count("<image>")

    planted = {p.source_id for p in of(demo, "placeholder_mismatch")}
    with_image = [row for row in rows.values() if "image" in row]
    assert {row["id"] for row in with_image if count(row) != 1} == planted
    assert {count(rows[source_id]) for source_id in planted} == {0, 2}


def test_copies_equal_their_original(demo: Demo, rows: dict[str, dict[str, Any]]) -> None:
    for p in of(demo, "duplicated_examples"):
        (original,) = p.partners
        assert {**rows[p.source_id], "id": original} == rows[original]


def test_contradicting_answers_answer_the_same_question_about_the_same_image(
    demo: Demo, rows: dict[str, dict[str, Any]]
) -> None:
    for p in of(demo, "contradictory_answers"):
        ((question, answer),) = turns(rows[p.source_id])
        other = rows[p.partners[0]]
        assert rows[p.source_id]["image"] == other["image"]
        assert dict(turns(other))[question] != answer


def test_rejected_targets_were_rejected_for_that_question_and_image(
    demo: Demo, rows: dict[str, dict[str, Any]]
) -> None:
    for p in of(demo, "rejected_as_target"):
        ((question, answer),) = turns(rows[p.source_id])
        assert p.partners
        for judged in (rows[partner] for partner in p.partners):
            assert (judged["prompt"], judged["rejected"]) == (f"<image>\n{question}", answer)
            assert judged["images"] == [rows[p.source_id]["image"]]


def test_contradicting_judgements_close_a_circle_of_two_or_three(demo: Demo, rows: dict[str, dict[str, Any]]) -> None:
    planted = of(demo, "contradictory_judgements")
    sizes = Counter()
    for p in planted:
        row, others = rows[p.source_id], [rows[partner] for partner in p.partners]
        assert {(r["prompt"], r["images"][0]) for r in (row, *others)} == {(row["prompt"], row["images"][0])}
        beats = {(r["chosen"], r["rejected"]) for r in others}
        flipped = (row["rejected"], row["chosen"]) in beats
        circled = any((row["rejected"], b) in beats and (b, row["chosen"]) in beats for _, b in beats)
        assert flipped != circled
        assert row["annotator"] not in {r["annotator"] for r in others if r["chosen"] == row["rejected"]}
        sizes["flip" if flipped else "circle"] += 1
    assert sizes == {"flip": len(planted) - len(planted) // 2, "circle": len(planted) // 2}


def test_judgements_that_are_not_planted_agree(demo: Demo, rows: dict[str, dict[str, Any]]) -> None:
    spoilt = {p.source_id for p in demo.planted}
    sound = [row for row in rows.values() if "chosen" in row and row["id"] not in spoilt]
    beats = {(row["images"][0], row["prompt"], row["chosen"], row["rejected"]) for row in sound}
    assert not beats & {(image, prompt, b, a) for image, prompt, a, b in beats}


def test_nothing_in_a_row_tells_that_it_is_spoilt(demo: Demo, rows: dict[str, dict[str, Any]]) -> None:
    fields = {tuple(row) for row in rows.values()}
    assert fields == {
        ("id", "image", "conversations"),
        ("id", "conversations"),
        ("id", "prompt", "chosen", "rejected", "images", "annotator"),
    }
    text = "".join(path.read_text("utf-8") for path in demo.folder.iterdir() if path.is_file())
    assert not any(fault in text for fault in FAULTS)
    images = [row["image"] for row in rows.values() if "image" in row]
    assert images != sorted(images)


# The score, on tables made by hand.


def verdicts(**actions: tuple[str, list[str]]) -> pa.Table:
    """Source id -> action, audits that gave a reason."""
    made = [
        {"source_id": source_id, "action": action, "reasons": [{"audit": a, "rule": f"{a}-rule"} for a in audits]}
        for source_id, (action, audits) in actions.items()
    ]
    return pa.Table.from_pylist(made, schema=VERDICTS.schema)


def quarantine(**reasons: str) -> pa.Table:
    rows = [{"source_id": source_id, "reason": reason} for source_id, reason in reasons.items()]
    return pa.Table.from_pylist(rows, schema=QUARANTINE.schema)


def examples(**repairs: list[str]) -> pa.Table:
    rows = [{"source_id": source_id, "repairs": codes} for source_id, codes in repairs.items()]
    return pa.Table.from_pylist(rows, schema=EXAMPLES.schema)


def audit(name: str, *faults: str) -> Audit:
    return Audit(
        name=name,
        title=name,
        grain=Grain.EXAMPLE,
        scope=Scope.ROW,
        columns=pa.schema([]),
        measure=lambda inputs, settings: None,
        faults=faults,
    )


def planted(fault: str, source_id: str, *partners: str) -> Planted:
    return Planted(fault, "a.json", 0, source_id, partners, "")


def scored(faults: list[Planted], table: pa.Table, *audits: Audit, **refused: str) -> dict[str, Score]:
    rows = score(faults, verdicts=table, quarantine=quarantine(**refused), examples=examples(), audits=audits)
    return {row.fault: row for row in rows}


def figures(row: Score) -> tuple[int | None, ...]:
    return row.planted, row.caught, row.missed, row.false_alarms


def test_caught_missed_and_false_alarms() -> None:
    table = verdicts(
        a=("drop", ["grounding"]),
        b=("keep", ["grounding"]),
        c=("hold", ["blindness"]),
        d=("downweight", ["grounding", "blindness"]),
        e=("keep", []),
    )
    faults = [planted("wrong_image", key) for key in "abc"]
    scores = scored(faults, table, audit("grounding", "wrong_image"), audit("blindness"))
    assert figures(scores["wrong_image"]) == (3, 1, 2, 1)
    assert scores["wrong_image"].audits == ("grounding",)


def test_probabilities_stand_beside_the_faults_that_their_audit_looks_for() -> None:
    table = verdicts(a=("drop", ["grounding"]), b=("keep", []), c=("keep", []))
    faults = [planted("wrong_image", key) for key in "abc"]
    rows = score(
        faults,
        verdicts=table,
        quarantine=quarantine(),
        examples=examples(),
        audits=[audit("grounding", "wrong_image"), audit("twins", "duplicated_examples")],
        chances=[Chances("grounding", {"a": 0.9, "b": 0.2, "x": 0.0}, 1.5)],
    )
    figures_of = {row.fault: (row.probability, row.expected_wrong) for row in rows}
    assert figures_of["wrong_image"] == (pytest.approx(0.55), 1.5)
    assert figures_of["duplicated_examples"] == (None, None)


def test_a_fault_that_no_audit_looks_for_has_no_figures() -> None:
    scores = scored([planted("blind_questions", "a")], verdicts(a=("drop", ["grounding"])), audit("grounding"))
    assert figures(scores["blind_questions"]) == (1, None, None, None)
    assert scores["blind_questions"].audits == ()


def test_partners_and_faults_of_the_same_nature_are_no_false_alarms() -> None:
    table = verdicts(wrong=("hold", ["contradictions", "grounding"]), right=("hold", ["contradictions", "grounding"]))
    auditors = (audit("contradictions", "contradictory_answers"), audit("grounding", "wrong_image"))
    scores = scored([planted("contradictory_answers", "wrong", "right")], table, *auditors)
    assert figures(scores["contradictory_answers"]) == (1, 1, 0, 0)
    # The wrong answer is wrong for the image as well; the right one is not.
    assert figures(scores["wrong_image"]) == (0, 0, 0, 1)


def test_of_two_equal_rows_either_may_go_and_of_two_contradicting_ones_not() -> None:
    table = verdicts(
        copy=("keep", []), original=("drop", ["twins"]), wrong=("keep", []), right=("drop", ["contradictions"])
    )
    faults = [planted("duplicated_examples", "copy", "original"), planted("contradictory_answers", "wrong", "right")]
    auditors = (audit("twins", "duplicated_examples"), audit("contradictions", "contradictory_answers"))
    scores = scored(faults, table, *auditors)
    assert figures(scores["duplicated_examples"]) == (1, 1, 0, 0)
    assert figures(scores["contradictory_answers"]) == (1, 0, 1, 0)


def test_ingest_catches_by_reason_code_in_quarantine_or_repairs() -> None:
    faults = [planted("unreadable_image", "a"), planted("placeholder_mismatch", "b"), planted("wrong_image", "c")]
    rows = score(
        faults,
        verdicts=verdicts(b=("keep", []), d=("keep", [])),
        quarantine=quarantine(a="image_undecodable", c="image_missing"),
        examples=examples(b=["placeholder_mismatch"], d=["image_palette"]),
        audits=[],
    )
    by_fault = {row.fault: figures(row) for row in rows}
    assert by_fault["unreadable_image"] == (1, 1, 0, 1)
    assert by_fault["placeholder_mismatch"] == (1, 1, 0, 0)
    assert by_fault["wrong_image"] == (1, None, None, None)


def test_a_planted_row_that_was_lost_is_an_error() -> None:
    with pytest.raises(ValueError, match="neither in the verdicts nor in quarantine, for instance gone"):
        scored([planted("wrong_image", "gone")], verdicts(a=("keep", [])))


def test_tally_counts_an_example_under_each_reason_once() -> None:
    table = verdicts(
        a=("drop", ["twins", "twins"]), b=("drop", ["twins", "grounding"]), c=("keep", []), d=("keep", ["grounding"])
    )
    rows = [
        (t.action, t.audit, t.rule, t.examples, t.expected_wrong)
        for t in tally(table, quarantine(e="image_missing"), {"grounding-rule": 0.5})
    ]
    assert rows == [
        ("keep", "", "", 1, None),
        ("keep", "grounding", "grounding-rule", 1, 0.5),
        ("drop", "twins", "twins-rule", 2, None),
        ("drop", "grounding", "grounding-rule", 1, None),
        ("quarantine", "ingest", "image_missing", 1, None),
    ]
