"""Canonical keys: when two images, queries or responses count as the same.

Two texts get one key when they differ only in Unicode form, white space, typographic quotes and dashes, chat-template
tokens, image placeholders, and case where case carries no meaning. Punctuation and wording are kept: a softer match is
the work of other audits. The keys stand in the `preferences` table, so a rule changed here needs `RULES` raised.
"""

import re
import unicodedata
from collections.abc import Callable, Sequence

from ops.core.identity import digest
from ops.core.stored import StoredMessage

RULES = 2
"""Revision of the rules below; part of the identity of every measure that compares keys."""

_PASSES = 8

# Typographic variants that NFKC keeps apart, and invisible characters.
_CHARACTERS = str.maketrans(
    {
        **dict.fromkeys("‘’‚‛′", "'"),
        **dict.fromkeys("“”„‟″", '"'),
        **dict.fromkeys("‐‑‒–—―−", "-"),
        **dict.fromkeys("\u200b\u2060\ufeff\u00ad\u200e\u200f\ufe0e\ufe0f\x00"),
    }
)
_ROLE = r"(?:system|user|assistant|model|tool|human|gpt)"
_TOKENS = re.compile(
    rf"""
      <\|(?:im_start|start_header_id|start_of_role)\|>\s*(?:{_ROLE}\b)?  # ChatML, Llama 3, Granite
    | <start_of_turn>\s*(?:{_ROLE}\b)?                                   # Gemma
    | <\|[\w▁]{{1,40}}\|>                                                # any other token of this form
    | </?s> | </?bos> | </?eos> | <pad> | <end_of_turn> | <end_of_utterance>
    | \[/?inst\] | <</?sys>>                                             # Llama 2, Mistral
    | </?(?:image|img|video)(?:[\s_:\-]*(?:\d+|placeholder|pad|soft_token))?> | <imagehere> | \[img\]
    """,
    re.VERBOSE | re.IGNORECASE,
)
_SPEAKER = re.compile(
    r"^(?:\#{1,4}\s*)?(?:user|human|assistant|gpt)\s*:\s|^\#{1,4}\s*(?:instruction|input|response)\s*:\s", re.IGNORECASE
)
_CUE = re.compile(r"\s(?:\#{1,4}\s*)?(?:assistant|\#{1,4}\s*response)\s*:$", re.IGNORECASE)
_SENTENCE_START = re.compile(r"(?:^|(?<=[.!?]\s))\w+")
_MARKS = frozenset("<[:")
_FENCE = "```"


def canonical_query(text: str) -> str:
    """A query without what does not change the question; case is folded."""
    return _settle(text, lambda t: _plain(t.casefold()))


def canonical_response(text: str) -> str:
    """A response without what does not change what it says.

    Only the capital that opens a sentence is lowered: "STOP", "iPhone" and "Paris" inside a sentence may be the very
    thing two responses differ in. A response with a fenced code block keeps its case, lines and indentation.
    """
    return _settle(text, _response)


def image_key(image_ids: Sequence[str] | None) -> str:
    """Key of a list of images, in order; "first" and "second image" name different ones when they swap."""
    return digest("images", *(image_ids or ()))


def query_key(text: str | None, places: Sequence[str] = ()) -> str:
    """Key of a query (32 hex digits), and of where its pictures stand where `picture_places` tells them apart."""
    return digest("query", canonical_query(text or ""), *places)


def response_key(text: str | None) -> str:
    """Key of a response (32 hex digits)."""
    return digest("response", canonical_response(text or ""))


def picture_places(messages: Sequence[StoredMessage], question: int = 0) -> list[str]:
    """Where each picture stands among the texts: its message, counted from that of the `question`, and what that says
    before it. None where all stand in one place: whether a question comes before its pictures or behind them says
    nothing."""
    places: list[str] = []
    for number, message in enumerate(messages):
        before = ""
        for part in message["parts"] or ():
            if part["image_id"] is None:
                before += part["text"] or ""
            else:
                places.append(f"{number - question} {canonical_query(before)}")
    return places if len(set(places)) > 1 else []


def _settle(text: str, step: Callable[[str], str]) -> str:
    # Removing a token can bring the halves of another together, and lowering a letter can leave NFKC; a few passes
    # reach a text that the rules leave alone.
    for _ in range(_PASSES):
        after = step(text)
        if after == text:
            break
        text = after
    return text


def _response(text: str) -> str:
    text = _characters(text)
    return _code(text) if _FENCE in text else _prose(text)


def _plain(text: str) -> str:
    return " ".join(_without_tokens(_characters(text)).split())


def _prose(text: str) -> str:
    return _SENTENCE_START.sub(_lowered, " ".join(_without_tokens(text).split()))


def _code(text: str) -> str:
    lines = _without_tokens(text).splitlines()
    return "\n".join(line.rstrip() for line in lines).strip("\n")


def _characters(text: str) -> str:
    if text.isascii() and "\x00" not in text:
        return text
    return unicodedata.normalize("NFKC", text).translate(_CHARACTERS)


def _without_tokens(text: str) -> str:
    if _MARKS.isdisjoint(text):
        return text
    return _CUE.sub("", _SPEAKER.sub("", _TOKENS.sub(" ", text).lstrip(" ")).rstrip())


def _lowered(match: re.Match[str]) -> str:
    word = match[0]
    return word.lower() if word[0].isupper() and (len(word) == 1 or word[1:].islower()) else word
