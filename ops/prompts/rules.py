"""By what rule the answers to a prompt are verified: named, known, or read from what is asked and what is right."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from ops.prompts.asked import Asked
from ops.prompts.mathematics import looks_mathematical
from ops.prompts.sources import SourceFacts, facts_by_source
from ops.prompts.truths import RULES, Rule, options

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


def rules_of(
    prompts: Sequence[Asked],
    datasets: Sequence[str],
    named: Mapping[str, str],
    facts: Mapping[str, SourceFacts] | None = None,
) -> list[Ruled]:
    """The rule of each prompt. `datasets` are the data sets of the prompts; `named` gives rules by pattern of data
    source or data set, and goes before all else; `facts` are those of the sources, of these prompts where None."""
    sources = [prompt.data_source or dataset for prompt, dataset in zip(prompts, datasets, strict=True)]
    known = facts_by_source(prompts, sources) if facts is None else facts
    usual = {source: _usual(of_source) for source, of_source in known.items() if of_source.truths}
    ruled: list[Ruled] = []
    for prompt, source, dataset in zip(prompts, sources, datasets, strict=True):
        rule, origin = _rule(prompt, (source, dataset), named, usual.get(source))
        ruled.append(Ruled(rule, origin, _have_corners(known[source])))
    return ruled


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


def _usual(facts: SourceFacts) -> Rule | None:
    """The rule that reads nearly all truths of a source."""
    kinds = Counter(facts.kinds)
    rule = max(RULES, key=lambda name: kinds[name])
    count = kinds[rule]
    if facts.truths < FEWEST:
        return rule if count == facts.truths else "string"
    if count >= MOST * facts.truths:
        return rule
    numbers = kinds["number"] + kinds["mathematics"]
    return "mathematics" if kinds["mathematics"] and numbers >= MOST * facts.truths else "string"


def _have_corners(facts: SourceFacts) -> bool:
    """Whether nearly all boxes of a source have their second corner behind the first."""
    return facts.ordered_boxes >= MOST * facts.boxes
