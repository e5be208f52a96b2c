"""English is told from other languages, and doubt counts as English."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.text.language import is_english

ENGLISH = (
    "What color is the shape?",
    "Is there a circle in the image?",
    "Two dogs run over a meadow beside a lake.",
    "A lamp is on by a laptop on a desk",
    "Yes, the man wears a hat.",
    "the circle is gray",
)
OTHERS = (
    "¿De qué color es el coche?",
    "Hay dos perros en la foto.",
    "Was für eine Farbe hat das Auto?",
    "Auf dem Bild sind zwei Hunde zu sehen.",
    "Quelle est la couleur de la voiture ?",
    "这辆车是什么颜色的?",
    "車は何色ですか？",
    "Какого цвета машина?",
    "يوجد كلبان في الصورة",
)


@pytest.mark.parametrize("text", ENGLISH)
def test_english_is_english(text: str) -> None:
    assert is_english(text)


@pytest.mark.parametrize("text", OTHERS)
def test_other_languages_are_not(text: str) -> None:
    assert not is_english(text)


@pytest.mark.parametrize("text", ["", "rojo", "ja", "42", "<image>", "red blue", "!?"])
def test_too_little_to_tell_counts_as_english(text: str) -> None:
    assert is_english(text)


@given(st.text())
def test_any_text_gets_an_answer(text: str) -> None:
    assert is_english(text) in (True, False)


@pytest.mark.parametrize("text", ["红色", "2只", "はい", "красный", "नहीं"])
def test_one_word_in_other_letters_is_enough(text: str) -> None:
    assert not is_english(text)


@given(st.sampled_from([*ENGLISH, *OTHERS]), st.sampled_from(["", " ", "\n", "?!", " 12. ", "..."]))
def test_marks_and_figures_do_not_matter(text: str, mark: str) -> None:
    assert is_english(mark + text + mark) is is_english(text)
