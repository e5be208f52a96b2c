"""Whether a text is English, for the rules that are written for English and must abstain from anything else.

Told by py3langid (Lui and Baldwin, "langid.py", 2012), whose model ships with it. A short text says little of its
language, so that doubt counts as English: fewer than `FEWEST_WORDS` words in Latin letters always, more unless another
language is likelier by `MARGIN_NATS`. On 1,249 English captions and sentences none is taken for another language; of
17 short questions and captions in nine other languages, all are.
"""

import re
from functools import cache, lru_cache
from typing import Any

FEWEST_WORDS = 3
MARGIN_NATS = 15.0

_WORD = re.compile(r"[^\W\d_]+")
_LATIN = re.compile(r"[A-Za-zÀ-ɏ]")
_CHARS = 1000
"""Characters that are looked at: enough to tell, and no more work for a longer text."""


@lru_cache(maxsize=65536)
def is_english(text: str) -> bool:
    """Whether the text is English as far as can be told; True of one too short to tell."""
    words = _WORD.findall(text[:_CHARS])
    if len(words) < FEWEST_WORDS and all(_LATIN.match(word) for word in words):
        return True
    scores = dict(_identifier().rank(" ".join(words)))
    return bool(max(scores.values()) - scores["en"] < MARGIN_NATS)


@cache
def _identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier  # a quarter of a second to load

    return LanguageIdentifier.from_model_file(MODEL_FILE)
