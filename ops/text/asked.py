"""What a message asks in the end, without the instructions and the options around it."""

import re
from dataclasses import dataclass

from ops.text.phrases import AUXILIARIES, has_words

_PLACEHOLDER = re.compile(r"<\s*/?\s*(image|video|img)\s*\d*\s*>", re.IGNORECASE)
_INSTRUCTION = re.compile(
    r"(please\s+)?(answer|respond|reply|select|choose|provide|give|write)\b[^.?!\n]*"
    r"\b(word|phrase|letter|option|options|choices|sentence|briefly|directly)\b[^.?!\n]*[.!]?",
    re.IGNORECASE,
)
_OPTION = re.compile(r"(?:^|(?<=\s))\(?([A-H])[.):]\s*(.+?)(?=\s+\(?[A-H][.):]\s|\n|$)")
_LABEL = re.compile(r"\b(choices|options|question|context)\s*:", re.IGNORECASE)
_PIECE = re.compile(r"[^?.!\n]+(?:[?.!]+|$|\n)")
_ASKING = AUXILIARIES | {"what", "how", "where", "who", "which"}
#: Characters of a question that are looked at, from its end: the patterns' time must not grow with hostile input.
_QUESTION_CHARS = 2000


@dataclass(frozen=True, slots=True)
class Asked:
    """The last sentence that asks, with its mark (the last line, without one, where none asks), and the options by
    their letters."""

    text: str
    options: dict[str, str]

    @property
    def is_question(self) -> bool:
        """Whether it asks anything."""
        return self.text.endswith("?")


def read_question(question: str) -> Asked:
    """What is asked in the end of a message."""
    full_question = clean((question or "")[-_QUESTION_CHARS:])
    return Asked(_last_question(full_question), dict(_OPTION.findall(full_question)))


def clean(text: str) -> str:
    """The text without placeholders of images, its spaces made single; line breaks stay."""
    return re.sub(r"[^\S\n]+", " ", _PLACEHOLDER.sub(" ", text or "")).strip()


def _last_question(text: str) -> str:
    body = _LABEL.sub(" ", _INSTRUCTION.sub(" ", _OPTION.sub("\n", text)))
    pieces = [piece.strip() for piece in _PIECE.findall(body) if has_words(piece)]
    asking = [piece for piece in pieces if piece.endswith("?")]
    if asking:
        return re.sub(r"\s+", " ", asking[-1]).rstrip("?").strip() + "?"
    last = re.sub(r"\s+", " ", pieces[-1]).strip(" .!") if pieces else ""
    first = last.split(" ", 1)[0].lower()
    return last + "?" if first in _ASKING else last
