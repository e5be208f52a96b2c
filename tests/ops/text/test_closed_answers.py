"""What a short answer says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.text.closed_answers import answer_to, closed_answer


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("Yes", "yes_no", "yes"),
        ("yeah!", "yes_no", "yes"),
        ("Yes, it is.", "yes_no", "yes"),
        ("Yes, there is one.", "yes_no", "yes"),
        ("No.", "yes_no", "no"),
        ("No, there isn't.", "yes_no", "no"),
        ("No, it does not.", "yes_no", "no"),
        ("two", "number", "2"),
        ("2.0", "number", "2"),
        ("There are two.", "number", "2"),
        ("2 dogs", "number", "2"),
        ("Twenty-one", "number", "21"),
        ("1,200", "number", "1200"),
        ("none", "number", "0"),
        ("Gray", "colour", "grey"),
        ("It's grey.", "colour", "grey"),
        ("The colour is dark red", "colour", "red"),
        ("A dog", "word", "dog"),
        ("brown dog.", "word", "brown dog"),
        ("<image>\nCircle", "word", "circle"),
    ],
)
def test_closed(text: str, kind: str, value: str) -> None:
    answer = closed_answer(text)
    assert answer is not None
    assert (answer.kind, answer.value) == (kind, value)


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "...",
        "Yes, the man on the left wears a hat.",
        "A dog runs on the beach",
        "red, green and blue",
        "I'm not sure",
        "unknown",
        "n/a",
        "No idea what that could be, it is blurred",
        "x" * 300,
    ],
)
def test_not_closed(answer: str) -> None:
    assert closed_answer(answer) is None


@pytest.mark.parametrize(
    "form", ["{}", "({})", "{}.", "{})", "**{}**", "Option {}", "The answer is {}.", "It is {}", "the letter {}"]
)
def test_an_option_is_an_answer_whatever_its_letter(form: str) -> None:
    answers = [closed_answer(form.format(letter)) for letter in "ABCD"]
    assert len(set(answers)) == 4
    for letter, answer in zip("abcd", answers, strict=True):
        assert answer is not None
        assert answer.kind == "word"
        assert answer.value == answers[1].value[:-1] + letter if answers[1] else None


def test_an_article_names_no_option() -> None:
    assert closed_answer("A dog") == closed_answer("dog") == closed_answer("the dog")
    assert closed_answer("the") is None
    assert closed_answer("an") is None


@given(st.text(max_size=40))
def test_case_space_and_full_stop_do_not_matter(text: str) -> None:
    assert (
        closed_answer(f"  {text.upper()}  ") == closed_answer(text.upper().lower()) == closed_answer(f"{text.upper()}.")
    )


@pytest.mark.parametrize(
    ("query", "answer", "value"),
    [
        ("Is it red?", "No", "no"),
        ("What is it?", "un perro", "un perro"),
        ("¿Es rojo el coche de la calle?", "No", None),
        ("Ist das Auto auf dem Bild rot?", "gold", None),
        ("这辆车是什么颜色的？", "红色", None),
        ("What color is it?", "红色", None),
        ("¿Cuántos perros hay en la foto?", "2", "2"),
        ("¿Cuántos perros hay en la foto?", "2 perros", "2"),
        ("¿Cuántos perros hay en la foto?", "ten", None),
        ("图片里有几只狗？", "3", "3"),
    ],
)
def test_in_other_languages_figures_alone_are_read(query: str, answer: str, value: str | None) -> None:
    closed = answer_to(query, answer)
    assert (closed and closed.value) == value
