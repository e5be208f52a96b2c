"""The words of judges: ratings, verdicts and reward tokens that belong to preference data and not to an answer.

Tokens and names of fields are the same in every language. Phrases are English, and so are the questions that are known
to ask for them: where either is in another language, they are not looked for.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from ops.text.language import is_english
from ops.text.reward_rules import inline_trace


@dataclass(frozen=True, slots=True)
class Residue:
    """What was found: its `kind`, the text, and where it starts (characters)."""

    kind: str
    text: str
    start: int


_SCORE = r"\d{1,3}(?:\.\d{1,6})?"
_SIDE = r"(?:response|answer|assistant|output|candidate|completion|model|option) ?[\"'(]?(?:A|B|1|2|one|two)[\"')]?"
_PRAISE = (
    r"(?:better|worse|best|superior|inferior|preferred|preferable|more (?:helpful|accurate|detailed|correct|faithful))"
)
#: Kinds in the order in which they are looked for. Each is searched in one sentence (`_PIECE` characters at most) at a
#: time and has no repetition without a bound, so that no text takes more than linear time.
PATTERNS: dict[str, re.Pattern[str]] = {
    # Tokens and fields of reward data that no answer contains by accident.
    "reward_token": re.compile(
        r"<\|?/?(?:reward|score|chosen|rejected|preferred)_?\w{0,20}\|?>|<extra_id_1>|"
        r"\[\[(?:[ABC]|A>>?B|B>>?A|A=B|\d{1,2})\]\]|"
        r"[\"'](?:chosen|rejected|reward|score_chosen|score_rejected)[\"'] ?:",
        re.IGNORECASE,
    ),
    "field_label": re.compile(
        r"^[*\s]{0,4}(?:chosen|rejected|preferred|dispreferred)(?: (?:response|answer|output))?[*\s]{0,4}:",
        re.IGNORECASE,
    ),
    "rating": re.compile(
        r"^\W{0,4}(?:overall |final |my )?(?:"
        r"(?:rating|score|grade|quality|helpfulness|harmlessness|correctness|faithfulness|reward)"
        rf"\W{{1,6}}(?:is |of )?{_SCORE} ?(?:/|out of) ?{_SCORE}"
        rf"|(?:rating|score|reward|helpfulness|harmlessness)\W{{0,3}}:\W{{0,3}}-?{_SCORE})\W{{0,4}}$",
        re.IGNORECASE,
    ),
    "comparison": re.compile(
        rf"\b{_SIDE}(?:'s)? .{{0,60}}?\b(?:is|was|are|seems?|provides?|gives?|offers?) .{{0,60}}?\b{_PRAISE}\b"
        r"|\bI (?:prefer|would choose|choose|pick) (?:response|answer|assistant|output|candidate) (?:A|B|1|2)\b"
        r"|\bboth (?:responses|answers|assistants|outputs) .{0,60}?\b(?:helpful|accurate|correct|good|similar|equal)\b",
        re.IGNORECASE,
    ),
    "judge_prompt": re.compile(
        r"\bas an? (?:impartial|fair|objective) judge\b"
        r"|\bplease (?:rate|score|compare) the (?:response|answer|output)s?\b"
        r"|\bevaluat(?:e|ing) the (?:quality of the )?(?:response|answer|output)s? (?:provided|given|of|by)\b",
        re.IGNORECASE,
    ),
}
#: A question that itself asks for a rating or a comparison makes such words the right answer.
_ASKED = re.compile(
    r"\b(?:rate|rating|score|scores|grade|rank|compare|comparison|better|worse|best|prefer|judge|review|evaluate|"
    r"stars?|out of (?:5|10|100))\b",
    re.IGNORECASE,
)
_PHRASES = frozenset(("rating", "comparison", "judge_prompt"))
_WINDOW = 20_000
_PIECE = 400
_SENTENCE = re.compile(rf"[^.!?]{{1,{_PIECE}}}[.!?]{{0,{_PIECE}}}|[.!?]{{1,{_PIECE}}}")


def reward_residue(answer: str, query: str = "") -> Residue | None:
    """The first trace of a judge in an answer, or None. Ratings and comparisons that the query asks for, or that a
    picture may show ("Score: 3"), are left alone when the query speaks of them."""
    is_looked_for = is_read(answer, query) and not _ASKED.search(query[:_WINDOW])
    kinds = [kind for kind in PATTERNS if is_looked_for or kind not in _PHRASES]
    for start, piece in _pieces(answer[:_WINDOW]):
        for kind in kinds:
            match = PATTERNS[kind].search(piece)
            if match:
                return Residue(kind, match[0].strip(), start + match.start())
    trace = inline_trace(answer, query[:_WINDOW]) if is_looked_for else None
    return None if trace is None else Residue(trace[0].kind, answer[trace[1] : trace[2]].strip(), trace[1])


def is_read(answer: str, query: str = "") -> bool:
    """Whether the phrases of judges are known in the language of this answer and its query."""
    return is_english(query) and is_english(answer)


def _pieces(text: str) -> Iterator[tuple[int, str]]:
    """The lines of a text, long ones by sentences, and where each starts."""
    at = 0
    for line in text.splitlines(keepends=True):
        sentences = [line] if len(line) <= _PIECE else _SENTENCE.findall(line)
        for sentence in sentences:
            yield at, sentence.rstrip()
            at += len(sentence)
