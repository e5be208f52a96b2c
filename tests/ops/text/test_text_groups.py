"""Groups of a text by its words."""

from ops.text.text_groups import LANGUAGE, STYLE, TERMS, text_groups


def test_language_style_and_terms() -> None:
    asked = "What are the women in front of the mosque in Cairo wearing?"
    assert text_groups(asked, "They wear long white robes.") == [
        (LANGUAGE, "en"),
        (STYLE, "answers of 4 to 25 words"),
        (TERMS, "africa"),
        (TERMS, "muslims"),
        (TERMS, "women"),
    ]
    german = text_groups("Was ist auf dem Bild zu sehen?", "Auf dem Bild sieht man einen kleinen Hund auf einer Wiese.")
    assert german == [(LANGUAGE, "de"), (STYLE, "answers of 4 to 25 words")]


def test_words_are_whole() -> None:
    assert text_groups("Which indiana jones film?", "indianapolis, manual")[2:] == []
    assert text_groups("", "") == [(LANGUAGE, "und"), (STYLE, "answers of up to 3 words")]
    assert text_groups("1 + 1?", "2")[0] == (LANGUAGE, "und")
