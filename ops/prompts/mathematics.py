"""Mathematical truths and answers, read and compared by math-verify, as the trainers' own rewards do."""

import logging
import re
import threading
from functools import lru_cache

_MOST_CHARACTERS = 2000
_SECONDS = 5
# A run of letters that is no command, no unit in \text{...} and no function's name is prose: read as LaTeX, it would be
# a product of its letters.
_FUNCTIONS = "sin|cos|tan|cot|sec|csc|log|ln|exp|lim|max|min|mod|pi|and|or"
_PROSE = re.compile(rf"(?<![\\A-Za-z])(?!(?:{_FUNCTIONS})\b)[A-Za-z]{{3,}}")
_NAMED = re.compile(r"\\(?:text|mathrm|textbf|mbox|operatorname)\s*\{[^{}]*\}|\\(?:begin|end)\{[^{}]*\}")
_COMMAND = re.compile(r"\\[A-Za-z]+")


def looks_mathematical(text: str) -> bool:
    """Whether a text is written as mathematics rather than as a word or a number."""
    return bool(re.search(r"[\\^_]|\$|[a-z0-9)]\s*[=+*/]\s*[a-z0-9(]", text))


@lru_cache(65536)
def parsed(text: str) -> tuple[object, ...] | None:
    """What math-verify makes of a truth or an answer; None where it is no mathematics."""
    if not text.strip() or len(text) > _MOST_CHARACTERS or not _balanced(text):
        return None
    if _PROSE.search(_COMMAND.sub(" ", _NAMED.sub(" ", text))):
        return None
    from math_verify import parse  # with it comes sympy, which most runs do without

    logging.getLogger("math_verify").setLevel(logging.ERROR)
    marked = text if "$" in text or "\\boxed" in text else f"${text}$"
    readings = parse(marked, parsing_timeout=_timeout())
    return tuple(readings) if readings and not isinstance(readings[0], str) else None


@lru_cache(65536)
def equal(truth: str, answer: str) -> bool | None:
    """Whether the answer is the truth; None where either is no mathematics."""
    gold, given = parsed(truth), parsed(answer)
    if gold is None or given is None:
        return None
    from math_verify import verify

    return bool(verify(list(gold), list(given), timeout_seconds=_timeout()))


def _balanced(text: str) -> bool:
    depth = 0
    for sign in re.findall(r"(?<!\\)[{}]", text):
        depth += 1 if sign == "{" else -1
        if depth < 0:
            return False
    return depth == 0


def _timeout() -> int:
    """Seconds, 0 for any number: a signal ends what takes longer, and signals reach the main thread alone."""
    return _SECONDS if threading.current_thread() is threading.main_thread() else 0
