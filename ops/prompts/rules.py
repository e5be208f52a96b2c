"""By what rule the answers to a prompt are verified: named, known, or read from what is asked and what is right."""

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from ops.prompts.asked import Asked
from ops.prompts.mathematics import looks_mathematical
from ops.prompts.truths import RULES, Rule, boxes_in, choice, number, options, unwrapped

_BY_STYLE: dict[str, Rule] = {
    **dict.fromkeys(("number", "numeric", "numerical", "counting", "count", "integer", "float"), "number"),
    **dict.fromkeys(("choice", "multiple_choice", "multi_choice", "mcq", "mc", "option"), "choice"),
    **dict.fromkeys(("box", "bbox", "boxes", "grounding", "detection", "iou"), "box"),
    **dict.fromkeys(("string", "exact_match", "em", "text", "qa", "ocr"), "string"),
    **dict.fromkeys(("math", "maths", "mathematics", "latex", "expression"), "mathematics"),
}
# What verl's own reward functions take these sets for; programs are verified by tests, which no rule here is.
_BY_SOURCE: tuple[tuple[str, Rule | None], ...] = (
    ("openai/gsm8k", "number"),
    ("hiyouga/geometry3k", "mathematics"),
    ("searchR1_*", "string"),
    ("*math*", "mathematics"),
    ("*MATH*", "mathematics"),
    ("aime*", "mathematics"),
    ("numina_*", "mathematics"),
    ("codecontests", None),
    ("apps", None),
    ("codeforces", None),
    ("taco", None),
)
_COUNTS = re.compile(r"\bhow (?:many|much)\b|\b(?:count|what is|give|state) the (?:total )?number of\b", re.IGNORECASE)
FEWEST = 10
"""Truths of one source below which what most of them are says nothing of the rest."""
MOST = 0.85
"""Share of the truths of a source that a rule must read for the rest to be held to it."""


def check_rules(rules: Mapping[str, str]) -> None:
    """ValueError where one of them is no rule."""
    unknown = sorted(set(rules.values()) - set(RULES))
    if unknown:
        raise ValueError(f"rules: {unknown[0]!r} is no rule; there are {', '.join(RULES)}")


@dataclass(frozen=True, slots=True)
class Ruled:
    """The rule of a prompt; None where there is none, and `origin` says what it was told by: settings, style, source
    (the known sets), question, or truths (those of its source)."""

    rule: Rule | None
    origin: str
    corners: bool = True
    """Whether the boxes of its source are pairs of corners."""


def rules_of(prompts: Sequence[Asked], datasets: Sequence[str], named: Mapping[str, str]) -> list[Ruled]:
    """The rule of each prompt. `datasets` are the data sets of the prompts; `named` gives rules by pattern of data
    source or data set, and goes before all else."""
    sources = [prompt.data_source or dataset for prompt, dataset in zip(prompts, datasets, strict=True)]
    groups: dict[str, list[Asked]] = defaultdict(list)
    for prompt, source in zip(prompts, sources, strict=True):
        if prompt.truth is not None:
            groups[source].append(prompt)
    usual = {source: _usual(members) for source, members in groups.items()}
    corners = {source: _have_corners(members) for source, members in groups.items()}
    found: list[Ruled] = []
    for prompt, source, dataset in zip(prompts, sources, datasets, strict=True):
        rule, origin = _rule(prompt, (source, dataset), named, usual.get(source))
        found.append(Ruled(rule, origin, corners.get(source, True)))
    return found


def _rule(
    prompt: Asked, sources: tuple[str, str], named: Mapping[str, str], usual: Rule | None
) -> tuple[Rule | None, str]:
    for pattern, name in named.items():
        if any(fnmatchcase(source, pattern) for source in sources):
            return name, "settings"
    style = re.sub(r"[\s\-]+", "_", (prompt.style or "").strip().lower())
    if style in _BY_STYLE:
        return _BY_STYLE[style], "style"
    for pattern, rule in _BY_SOURCE:
        if prompt.data_source and fnmatchcase(prompt.data_source, pattern):
            return rule, "source"
    if options(prompt.question):
        return "choice", "question"
    if usual in ("number", "choice", "box", "mathematics"):
        return usual, "truths"
    if _COUNTS.search(prompt.question) and not looks_mathematical(prompt.truth or ""):
        return "number", "question"
    return usual, "truths"


def _usual(prompts: Sequence[Asked]) -> Rule | None:
    """The rule that reads nearly all truths of a source."""
    kinds: Counter[Rule] = Counter(map(_kind, prompts))
    rule = max(RULES, key=lambda one: kinds[one])
    count = kinds[rule]
    if len(prompts) < FEWEST:
        return rule if count == len(prompts) else "string"
    if count >= MOST * len(prompts):
        return rule
    numbers = kinds["number"] + kinds["mathematics"]
    return "mathematics" if kinds["mathematics"] and numbers >= MOST * len(prompts) else "string"


def _kind(prompt: Asked) -> Rule:
    text = unwrapped(prompt.truth or "")
    if number(text) is not None:
        return "number"
    if len(text) <= 3 and choice(text, "")[0]:
        return "choice"
    if boxes_in(text) and re.fullmatch(r"[\s\d.,()\[\]{}\-\"':a-z_|<>]*", text):
        return "box"
    return "mathematics" if looks_mathematical(text) else "string"


def _have_corners(prompts: Sequence[Asked]) -> bool:
    """Whether nearly all boxes of a source have their second corner behind the first."""
    found = [box for prompt in prompts for box in boxes_in(unwrapped(prompt.truth or ""))]
    ordered = sum(box[2] >= box[0] and box[3] >= box[1] for box in found)
    return ordered >= MOST * len(found)
