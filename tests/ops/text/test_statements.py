import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.text import closed_rules, polar_rules
from ops.text.asked import read_question
from ops.text.language import NOT_ENGLISH
from ops.text.statement import Example
from ops.text.statements import EMPTY_TALK, EmptyTalk, make_statement, rewrite

#: What the examples of the rules do not show: questions that fit none, answers that stand alone.
STATEMENTS = [
    ("Is the light on or off?", "off", "The light is off."),
    ("Why?", "wind", "Why? Wind."),
    ("<image>\nDescribe the image.", "A man rides a horse.", "A man rides a horse."),
    ("Describe it.", "red car", "Red car."),
    ("", "a red car", "A red car."),
    ("Is the woman smiling?", "Yes, she is smiling at us.", "She is smiling at us."),
]

UNINFORMATIVE = [
    ("What is this?", ""),
    ("What is this?", "..."),
    ("What is this?", "B"),
    ("What is this?", "I don't know."),
    ("What is this?", "unanswerable"),
    ("thanks", "You're welcome!"),
    ("Describe the image.", "yes"),
]


EXAMPLES = [
    pytest.param(example, id=f"{rule.name}: {example.text}")
    for rules in (closed_rules.RULES, polar_rules.RULES)
    for rule in rules
    for example in rule.examples
]


@pytest.mark.parametrize(("question", "answer", "expected"), STATEMENTS)
def test_answers_stand_alone_or_behind_their_question(question: str, answer: str, expected: str):
    statement = make_statement(question, answer)
    assert statement.text == expected
    assert not statement.uninformative
    assert not statement.negated


@pytest.mark.parametrize("example", EXAMPLES)
def test_rules_make_of_their_examples_what_they_say(example: Example):
    statement = make_statement(example.question, example.answer)
    assert (statement.text, statement.negated, statement.uninformative) == (example.text, example.negated, "")


@pytest.mark.parametrize("rule", closed_rules.RULES, ids=lambda rule: rule.name)
def test_no_rule_for_closed_questions_hides_another(rule: closed_rules.ClosedRule):
    assert rule.examples
    for example in rule.examples:
        asked = read_question(example.question).text[:-1].strip()
        assert next(first.name for first in closed_rules.RULES if first.pattern.fullmatch(asked)) == rule.name


@pytest.mark.parametrize("rule", polar_rules.RULES, ids=lambda rule: rule.name)
def test_no_rule_for_yes_and_no_hides_another(rule: polar_rules.PolarRule):
    assert rule.examples
    for example in rule.examples:
        asked = polar_rules.polar_question(read_question(example.question).text[:-1], is_yes=True)
        assert next(first.name for first in polar_rules.RULES if first.fits(asked)) == rule.name


@pytest.mark.parametrize("kind", EMPTY_TALK, ids=lambda kind: kind.name)
def test_empty_talk_says_nothing(kind: EmptyTalk):
    assert kind.examples
    for answer in kind.examples:
        assert [other.name for other in EMPTY_TALK if other.pattern.match(answer)] == [kind.name]
        assert make_statement("What is this?", answer).uninformative


@pytest.mark.parametrize(("question", "answer"), UNINFORMATIVE)
def test_says_when_no_image_could_matter(question: str, answer: str):
    assert make_statement(question, answer).uninformative


OTHERS = [
    ("¿De qué color es el coche?", "rojo"),
    ("¿De qué color es el coche?", "A red car stands in the street."),
    ("What do you see in the picture?", "Hay dos perros en la foto, y una niña."),
    ("Was für eine Farbe hat das Auto?", "rot"),
    ("", "Auf dem Bild sind zwei Hunde zu sehen."),
    ("这辆车是什么颜色的？", "红色"),
    ("图片里有几只狗？", "2"),
]


@pytest.mark.parametrize(("question", "answer"), OTHERS)
def test_other_languages_are_uninformative(question: str, answer: str):
    assert make_statement(question, answer).uninformative == NOT_ENGLISH


@pytest.mark.parametrize("example", EXAMPLES)
def test_other_answers_to_an_english_question_are_made_into_the_same(example: Example):
    assert rewrite(example.question, example.answer) == make_statement(example.question, example.answer)


def test_a_foreign_name_is_no_other_language():
    assert not make_statement("What does the sign say?", "Boulangerie de la Gare").uninformative
    assert not make_statement("Who painted it?", "Diego Velázquez").uninformative


QUESTION_WORDS = "is are does what color shape how many where who the a no not there of image in red 2 dogs yes or"
WORDS = st.sampled_from([*QUESTION_WORDS.split(), "A.", "B)", "?", ".", "\n", ""])
TEXT = st.one_of(st.text(max_size=80), st.lists(WORDS, max_size=12).map(" ".join))


@given(TEXT, TEXT)
def test_never_raises_and_repeats_itself(question: str, answer: str):
    first = make_statement(question, answer)
    assert first == make_statement(question, answer)
    assert first.text or first.uninformative


@given(st.sampled_from(["red", "dog", "2", "a man", "wooden table"]), TEXT)
def test_keeps_the_answer(answer: str, question: str):
    assert answer in make_statement(question + " what?", answer).text.lower()


def test_hostile_length_takes_no_time():
    started = time.process_time()
    make_statement("answer what is the " * 50_000 + "?", "is a no not " * 50_000)
    assert time.process_time() - started < 2
