"""Texts in other languages: what rests on rules for English abstains and says so, and English rows stay as they are."""

from dataclasses import replace
from functools import cache

import pyarrow as pa
import pytest

from ops.audits.contract import KEYS, Audit, Scope
from ops.audits.registry import all_audits, audits_of
from ops.core.identity import image_id
from ops.core.schemas import EXAMPLES
from ops.core.vectors import Vectors
from ops.evidence.inputs import RowInputs
from ops.evidence.likelihoods import trios
from ops.text.image_turns import image_turns, statement_texts
from ops.text.language import NOT_ENGLISH
from tests.support.hostile import bold
from tests.support.samples import sample_examples, sample_inputs

CONVERSATIONS = {
    "Spanish": (
        ("¿De qué color es el coche que está en la calle?", "rojo"),
        ("¿Cuántos perros hay en la foto?", "2"),
        ("Describe la imagen.", 'Una pared beige detrás de dos sillas y un letrero con el texto "ALTO".'),
    ),
    "German": (
        ("Was für eine Farbe hat das Auto?", "orange"),
        ("Wie viele Hunde sind auf dem Bild zu sehen?", "2"),
        ("Beschreibe das Bild.", 'Ein Mann trägt zwei orange Taschen, und auf dem Schild steht der Text "Halt".'),
    ),
    "Chinese": (
        ("这辆车是什么颜色的？", "红色"),
        ("图片里有几只狗？", "2"),
        ("请描述这张图片。", '一个男人拿着两个橙色的袋子，牌子上写着 text "停"。'),
    ),
}
#: Audits that rest on rules for English, and say so.
ENGLISH_ALONE = (
    "alignment_shift", "benchmark_leaks", "calibrated_grounding", "claims", "contradictions", "conversation_grounding",
    "difficulty", "grounding", "metadata_leak", "reward_residue", "semantic_duplicates", "sft_contradictions",
    "soft_contradictions", "visual_necessity", "written_from_metadata",
)  # fmt: skip
STATED = ("grounding", "calibrated_grounding", "metadata_leak", "visual_necessity")


def conversation(language: str, number: int) -> dict:
    """An example in that language, with a picture that the samples show too."""
    picture = image_id(f"image {number % 9 + 1}".encode())
    messages = []
    for query, answer in CONVERSATIONS[language]:
        for role, text in (("user", query), ("assistant", answer)):
            messages.append({"role": role, "parts": [{"type": "text", "text": text, "image_id": None}]})
    return {
        "delivery": "sample-0123456789ab",
        "example_id": f"{language}-{number}",
        "source_id": f"{language}-{number}",
        "kind": "sft",
        "dataset": "one",
        "messages": messages,
        "image_ids": [picture],
        "provenance": {"file": f"{language}.jsonl", "row": number},
    }


@cache
def mixed(*languages: str) -> pa.Table:
    """The samples, and 20 conversations in each of those languages."""
    others = [conversation(language, number) for language in languages for number in range(20)]
    return pa.concat_tables([sample_examples(), pa.Table.from_pylist(others, schema=EXAMPLES.schema)])


@cache
def inputs_of(*languages: str) -> RowInputs:
    return sample_inputs(mixed(*languages))


@cache
def no_english() -> RowInputs:
    rows = [conversation(language, number) for language in CONVERSATIONS for number in range(9)]
    return sample_inputs(pa.Table.from_pylist(rows, schema=EXAMPLES.schema))


def measured(audit: Audit, inputs: RowInputs) -> list[dict]:
    """The audit's measures of the examples, in order of their keys."""
    rows = audit.measure(inputs, bold(audit))
    return rows.sort_by([(key, "ascending") for key in KEYS[audit.grain].names]).to_pylist()


@pytest.mark.parametrize("language", CONVERSATIONS)
@pytest.mark.parametrize("name", STATED)
def test_each_turn_abstains_and_says_why(name: str, language: str) -> None:
    rows = [row for row in measured(all_audits()[name], inputs_of(language)) if row["example_id"].startswith(language)]
    assert len(rows) == 60
    assert {(row["abstained"], row["why"]) for row in rows} == {(True, NOT_ENGLISH)}


@pytest.mark.parametrize("language", CONVERSATIONS)
def test_conversations_and_shifts_abstain_and_claims_are_not_read(language: str) -> None:
    audits = ("conversation_grounding", "alignment_shift", "claims", "written_from_metadata")
    rows = {
        name: [r for r in measured(all_audits()[name], inputs_of(language)) if r["example_id"].startswith(language)]
        for name in audits
    }
    assert {row["why"] for row in rows["conversation_grounding"]} == {NOT_ENGLISH}
    assert len(rows["alignment_shift"]) == 20
    assert all(row["abstained"] and not row["is_shifted"] for row in rows["alignment_shift"])
    assert rows["claims"] == rows["written_from_metadata"] == []


@pytest.mark.parametrize("language", CONVERSATIONS)
def test_talk_of_judges_abstains(language: str) -> None:
    rows = measured(all_audits()["reward_residue"], inputs_of(language))
    assert {r["why"] for r in rows if r["example_id"].startswith(language)} == {NOT_ENGLISH}
    assert not any(r["abstained"] for r in rows if r["example_id"] in sample_examples()["example_id"].to_pylist()[:19])


@pytest.mark.parametrize("audit", [pytest.param(a, id=a.name) for a in audits_of(Scope.ROW, Scope.DROP)])
def test_english_rows_are_measured_as_if_alone(audit: Audit) -> None:
    inputs = inputs_of(*CONVERSATIONS)
    together = [r for r in measured(audit, inputs) if not r["example_id"].startswith(tuple(CONVERSATIONS))]
    assert together == measured(audit, replace(inputs, examples=sample_examples()))


@pytest.mark.parametrize("audit", [pytest.param(a, id=a.name) for a in audits_of(Scope.ROW, Scope.DROP)])
def test_a_delivery_of_no_english_at_all_is_measured(audit: Audit) -> None:
    inputs = no_english()
    examples = inputs.examples
    nothing = Vectors.of([], inputs.texts.matrix[:0])
    measures = audit.measure(replace(inputs, bank_texts=nothing), bold(audit))
    assert measures.schema == audit.schema
    assert set(measures["example_id"].to_pylist()) <= set(examples["example_id"].to_pylist())
    if "abstained" in measures.schema.names and audit.name not in ("benchmark_leaks", "boxes"):
        assert all(measures["abstained"].to_pylist())


@pytest.mark.parametrize("language", CONVERSATIONS)
def test_bank_has_english_texts_alone(language: str) -> None:
    assert statement_texts(mixed(language)) == statement_texts(sample_examples())


@pytest.mark.parametrize("language", CONVERSATIONS)
def test_a_vision_language_model_is_asked_all_the_same(language: str) -> None:
    asked = trios(image_turns(pa.Table.from_pylist([conversation(language, 1)], schema=EXAMPLES.schema)))
    assert [trio and trio.real.answer for trio in asked] == [answer for _, answer in CONVERSATIONS[language]]


@pytest.mark.parametrize("name", ENGLISH_ALONE)
def test_pages_say_what_is_english_alone(name: str) -> None:
    assert "English" in all_audits()[name].page
