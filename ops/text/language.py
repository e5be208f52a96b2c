"""Whether a text is English, for the rules that are written for English and must abstain from anything else.

Told by py3langid (Lui and Baldwin, "langid.py", 2012), whose model ships with it. A short text says little of its
language, so that doubt counts as English: fewer than `FEWEST_WORDS` words in Latin letters always, more unless another
language is likelier by `MARGIN_NATS`. A text without any Latin letter is not English. On 1,249 English captions and
sentences none is taken for another language; of 17 short questions and captions in nine other languages, all are.
"""

import re
from functools import cache, lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from py3langid.langid import LanguageIdentifier

FEWEST_WORDS = 3
MARGIN_NATS = 15.0
ENGLISH, UNDETERMINED = "en", "und"
NOT_ENGLISH = "not in English, which the rules are written for"
"""Why what rests on such rules abstains."""

_WORD = re.compile(r"[^\W\d_]+")
_LATIN = re.compile(r"[A-Za-zÀ-ɏ]")
_CHARS = 400
"""Characters that are looked at: enough to tell, and no more work for a longer text."""


def is_english(text: str) -> bool:
    """Whether the text is English as far as can be told; True of one too short to tell."""
    words = _WORD.findall(text[:_CHARS])
    in_latin = [word for word in words if _LATIN.search(word)]
    if not in_latin or (len(words) < FEWEST_WORDS and in_latin == words):
        return in_latin == words
    return _is_english(" ".join(words))


def likely_language(text: str) -> str:
    """The code of the text's language (ISO 639-1): English where `is_english` says so, and `und` of one without
    letters."""
    words = _WORD.findall(text[:_CHARS])
    if not words:
        return UNDETERMINED
    return ENGLISH if is_english(text) else _identifier().classify(" ".join(words))[0]


@lru_cache(maxsize=16384)
def _is_english(words: str) -> bool:
    """Several audits ask of one turn, with and without its marks: by its words, it is looked at once."""
    likeliest, _ = _identifier().classify(words)
    if likeliest == ENGLISH:  # half the work of ranking all languages
        return True
    scores = dict(_identifier().rank(words))
    return bool(max(scores.values()) - scores[ENGLISH] < MARGIN_NATS)


@cache
def _identifier() -> "LanguageIdentifier":
    from py3langid.langid import MODEL_FILE, LanguageIdentifier  # a quarter of a second to load

    return LanguageIdentifier.from_model_file(MODEL_FILE)
