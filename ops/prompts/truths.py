"""Ground truths read by the rule that verifies answers against them.

Five rules: `number`, `choice` (an option's letter), `box` (x1, y1, x2, y2), `mathematics` and `string`. A truth may be
wrapped as trainers wrap it (`<answer>`, `\\boxed{}`, `#### 72`, `$3$`), and a JSON list of texts gives alternatives, of
which any is right."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from ops.core.json_values import Json
from ops.prompts import mathematics
from ops.text.closed_answers import closed_answer

RULES = ("number", "choice", "box", "string", "mathematics")
Rule = str
"""One of RULES."""

Box = tuple[float, float, float, float]

_TAG = re.compile(r"<answer>\s*(.*?)\s*</answer>", re.DOTALL)
_NUMBER = re.compile(r"[-+]?(?:\d{1,3}(?:,\d{3})+|\d+)?(?:\.\d+)?(?:[eE][-+]?\d{1,3})?")
_FRACTION = re.compile(r"([-+]?\d{1,15})\s*/\s*(\d{1,15})")
_AROUND_NUMBER = re.compile(r"^[$€£¥]\s*|\s*(?:%|°|\\%|\\circ|\^\\circ)$")
_LETTER = re.compile(r"\(?([A-Za-z])\)?[.):]?(?:\s+(\S.*))?", re.DOTALL)
_OPTION_LINE = re.compile(r"^[ \t]*[(\[]?([A-J])[).:\]][ \t]*(\S.*?)[ \t]*$", re.MULTILINE)
_OPTION_INLINE = re.compile(r"(?:^|[\s,;])\(?([A-J])[).:]\s*([^\n]*?)(?=[\s,;]+\(?[A-J][).:]\s|\n|$)")
_NUMBERS = re.compile(r"-?\d+(?:\.\d+)?")
_BOXED = "\\boxed{"


@dataclass(frozen=True, slots=True)
class Truth:
    """A ground truth by one rule: `values` are its alternatives in the rule's own form (a number as text without
    separators, an option's letter, the text), of the rule `box` its `boxes`; `why` says why there is none."""

    rule: Rule
    values: tuple[str, ...] = ()
    boxes: tuple[Box, ...] = ()
    why: str = ""

    @property
    def is_readable(self) -> bool:
        """Whether there is anything that an answer could match."""
        return bool(self.values or self.boxes)


def read_truth(rule: Rule, truth: str, *, is_json: bool = False, question: str = "", corners: bool = True) -> Truth:
    """The truth by that rule. `question` has the options of a choice; without `corners`, boxes may be of another
    convention than two corners, and their order says nothing."""
    if rule == "box":
        boxes, why = _boxes(truth, corners=corners)
        return Truth(rule, boxes=tuple(boxes), why=why)
    values: list[str] = []
    for text in alternatives(truth, is_json=is_json):
        value, why = _read(rule, unwrapped(text), question)
        if value is None:
            return Truth(rule, why=why)
        values.append(value)
    return Truth(rule, tuple(values), why="" if values else "empty")


def alternatives(truth: str, *, is_json: bool) -> list[str]:
    """The texts any of which is right."""
    if not is_json:
        return [truth]
    try:
        held: Json = json.loads(truth)
    except ValueError:
        return [truth]
    if isinstance(held, dict) and set(held) == {"target"}:  # verl's search sets
        held = held["target"]
    if isinstance(held, list) and all(isinstance(answer, str | int | float) for answer in held):
        return [str(answer) for answer in held]
    return [truth]


def unwrapped(text: str) -> str:
    """The answer inside what marks it as one."""
    tagged = _TAG.findall(text)
    inner = tagged[-1] if tagged else text
    if "####" in inner:
        inner = inner.rpartition("####")[2]
    boxed = last_boxed(inner)
    inner = (inner if boxed is None else boxed).strip()
    if len(inner) > 2 and inner[0] == inner[-1] == "$" and "$" not in inner[1:-1]:
        inner = inner[1:-1].strip()
    return inner


def last_boxed(text: str) -> str | None:
    """What stands in the last `\\boxed{}`, braces inside it matched."""
    start = text.rfind(_BOXED)
    if start < 0:
        return None
    depth = 1
    for at in range(start + len(_BOXED), len(text)):
        depth += {"{": 1, "}": -1}.get(text[at], 0)
        if depth == 0:
            return text[start + len(_BOXED) : at]
    return None


def number(text: str) -> str | None:
    """A number in figures as text without separators; fractions are decimals. None where the text is no number."""
    plain = _AROUND_NUMBER.sub("", _AROUND_NUMBER.sub("", text.strip())).strip().rstrip(".")
    fraction = _FRACTION.fullmatch(plain)
    if fraction and int(fraction[2]):
        return _figures(int(fraction[1]) / int(fraction[2]))
    if not plain or len(plain) > 40 or not _NUMBER.fullmatch(plain) or not any(map(str.isdigit, plain)):
        return None
    return _figures(float(plain.replace(",", "")))


def options(question: str) -> dict[str, str]:
    """The options that a question lists, by letter: two and more, from A on without a gap."""
    for pattern in (_OPTION_LINE, _OPTION_INLINE):
        listed = {letter: text.strip() for letter, text in pattern.findall(question)}
        wanted = [chr(ord("A") + n) for n in range(len(listed))]
        if len(listed) >= 2 and sorted(listed) == wanted:
            return listed
    return {}


def choice(text: str, question: str) -> tuple[str | None, str]:
    """The letter of an option, also where its text is given; else None, and why."""
    offered = options(question)
    match = _LETTER.fullmatch(text.strip())
    if match and (not match[2] or match[1].isupper()):
        letter = match[1].upper()
        if offered and letter not in offered:
            return None, f"the options are {', '.join(sorted(offered))}"
        return letter, ""
    plain = " ".join(text.lower().split())
    named = [letter for letter, option in offered.items() if " ".join(option.lower().split()) == plain]
    return (named[0], "") if len(named) == 1 else (None, "no option's letter")


def boxes_in(text: str) -> list[Box]:
    """The boxes of a text: four numbers each; none where their count is no multiple of four."""
    sides = [float(figures) for figures in _NUMBERS.findall(text)]
    if not sides or len(sides) % 4 or len(sides) > 400:
        return []
    return [(sides[at], sides[at + 1], sides[at + 2], sides[at + 3]) for at in range(0, len(sides), 4)]


def truth_key(truth: str, *, is_json: bool) -> str:
    """The truth so that those which say the same are equal, whatever rule they are of."""
    answers: list[str] = []
    for text in alternatives(truth, is_json=is_json):
        plain = unwrapped(text)
        closed = closed_answer(plain)
        figures = number(plain)
        letter = _LETTER.fullmatch(plain)
        if figures is not None:
            answers.append(f"number {figures}")
        elif letter and not letter[2]:
            answers.append(f"choice {letter[1].upper()}")
        elif closed:
            answers.append(f"{closed.kind} {closed.value}")
        else:
            answers.append(f"text {' '.join(plain.lower().split()).rstrip('.')}")
    return "\x00".join(sorted(answers))


def _read(rule: Rule, text: str, question: str) -> tuple[str | None, str]:
    if not text:
        return None, "empty"
    if rule == "number":
        value = number(text)
        return value, "" if value is not None else "no number in figures"
    if rule == "choice":
        return choice(text, question)
    if rule == "mathematics":
        known = number(text) is not None or mathematics.parsed(text) is not None
        return (text, "") if known else (None, "math-verify reads no mathematics in it")
    return text, ""


def _boxes(truth: str, *, corners: bool) -> tuple[Sequence[Box], str]:
    boxes = boxes_in(unwrapped(truth))
    if not boxes:
        return [], "not four numbers a box"
    for left, top, right, bottom in boxes:
        if corners and (right < left or bottom < top):
            return [], "the second corner lies before the first"
        if corners and (right == left or bottom == top):
            return [], "a box without area"
    return boxes, ""


def _figures(value: float) -> str:
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(round(value, 9))
