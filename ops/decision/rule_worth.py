"""What each rule of a policy is worth: what a version would have been without it, and what nothing else would have
removed, weighed down or caught.

All of it follows from the reasons that stand in the verdicts: how many examples carry which set of rules.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from ops.core.arrow import column_of, fill_null, index_in, list_members, list_parents, numpy_values, struct_values
from ops.decision.policy import DECISION, MEMBER_ACTIONS, STRENGTH, Action

RuleSets = Counter[tuple[frozenset[str], str]]
"""Examples by the rules that speak of them and the action that came of it, without those of which no rule speaks."""

#: Rules in a word of bits.
_WORD = 62
_OUT = 2
_CLASS = {Action.KEEP: 0, Action.DOWNWEIGHT: 1, Action.HOLD: _OUT, Action.DROP: _OUT}
MUCH = 0.005
"""Share of the examples from which a rule removes much."""
_LEAST = 10


@dataclass(frozen=True, slots=True)
class Caught:
    """Of `known` cases (canaries, or labelled examples), those that the rule flags, and those that it `alone` keeps out
    or weighs down."""

    known: int = 0
    caught: int = 0
    alone: int = 0

    def __add__(self, other: "Caught") -> "Caught":
        return Caught(self.known + other.known, self.caught + other.caught, self.alone + other.alone)


@dataclass(frozen=True, slots=True)
class RuleWorth:
    """A rule of a version: the `examples` it speaks of, those that it alone keeps out (`removed_alone`) or weighs down,
    and the examples by action in the version `without` it. `canaries` are those of the faults that its audit looks for,
    `labels` the faulty among labelled examples; `sound` counts labelled examples that are sound: all, those that it
    flags, and those that it alone does."""

    rule: str
    audit: str
    action: str
    examples: int
    removed_alone: int
    weighed_alone: int
    without: Mapping[str, int]
    of: int
    canaries: Caught = field(default_factory=Caught)
    labels: Caught = field(default_factory=Caught)
    sound: Caught = field(default_factory=Caught)

    @property
    def members_without(self) -> int:
        """How many examples would be in the version without it."""
        return sum(self.without.get(action, 0) for action in MEMBER_ACTIONS)

    @property
    def removes_much(self) -> bool:
        """Whether it alone keeps out, or weighs down, enough to be asked what for."""
        return self.removed_alone + self.weighed_alone >= max(_LEAST, MUCH * self.of)

    @property
    def verdict(self) -> str:
        """earns (it alone catches something), spare (others would have caught that too), idle (of what is known to be
        faulty it catches nothing), or untried (nothing is known that it could have caught)."""
        caught = self.canaries + self.labels
        if caught.alone:
            return "earns"
        if caught.caught:
            return "spare"
        tried = self.canaries.known or self.sound.caught
        return "idle" if tried else "untried"


def rule_sets(verdicts: Iterable[pa.RecordBatch], rules: Sequence[str]) -> RuleSets:
    """Counts verdicts (action, reasons) by their set of rules, out of those named, and their action."""
    names = pa.array([*rules], pa.string())
    actions = [str(action) for action in Action]
    counts: RuleSets = Counter()
    for batch in verdicts:
        reasons = column_of(batch, "reasons")
        parents, members = list_parents(reasons), list_members(reasons)
        code = numpy_values(fill_null(index_in(struct_values(members, "rule"), names), -1)).astype(np.int64)
        parents, code = parents[code >= 0], code[code >= 0]
        rows, at = np.unique(parents, return_inverse=True)
        bits = np.zeros((len(rows), len(rules) // _WORD + 2), dtype=np.int64)
        np.bitwise_or.at(bits, (at, code // _WORD), np.int64(1) << (code % _WORD))
        action = numpy_values(index_in(column_of(batch, "action"), pa.array(actions)))
        bits[:, -1] = action[rows]
        sets, of = np.unique(bits, axis=0, return_counts=True)
        for words, examples in zip(sets.tolist(), of.tolist(), strict=True):
            named = frozenset(rule for place, rule in enumerate(rules) if words[place // _WORD] >> place % _WORD & 1)
            counts[named, actions[words[-1]]] += examples
    return counts


def worth_of(
    rule: str, audit: str, actions: Mapping[str, Action], sets: RuleSets, counted: Mapping[str, int]
) -> RuleWorth:
    """What the rule is worth by the sets of rules alone. `actions` are those of the policy's rules, `counted` the
    version's examples by action. What a person decided stays so without any rule."""
    own, removed, weighed = 0, 0, 0
    without = Counter(counted)
    for (named, action), examples in sets.items():
        if rule not in named:
            continue
        own += examples
        left = action if DECISION in named else strongest(named - {rule}, actions)
        without[action] -= examples
        without[left] += examples
        removed += examples * (_CLASS[Action(action)] == _OUT != _CLASS[Action(left)])
        weighed += examples * (action == Action.DOWNWEIGHT and left == Action.KEEP)
    kept = {str(action): without[str(action)] for action in Action if without[str(action)]}
    return RuleWorth(rule, audit, str(actions[rule]), own, removed, weighed, kept, sum(counted.values()))


def strongest(rules: Iterable[str], actions: Mapping[str, Action]) -> str:
    """The action that these rules give together."""
    return str(max((actions[name] for name in rules), key=STRENGTH.__getitem__, default=Action.KEEP))


def caught_of(rule: str, flagged: Sequence[frozenset[str]], actions: Mapping[str, Action]) -> Caught:
    """Of cases with the rules that flag each, those that the rule catches. It does so alone where without it a case
    that was kept out would be in, or one that was weighed down would count in full."""
    own = [rules for rules in flagged if rule in rules]
    alone = [rules for rules in own if _class_of(rules, actions) > _class_of(rules - {rule}, actions)]
    return Caught(len(flagged), len(own), len(alone))


def _class_of(rules: Iterable[str], actions: Mapping[str, Action]) -> int:
    return _CLASS[Action(strongest(rules, actions))]


_SAYINGS = {
    "idle": "Removes much and catches nothing that is known to be faulty",
    "spare": "Removes much alone, and what it catches others catch too",
    "untried": "Removes much, and neither a canary nor a label tells whether rightly",
}


def worth_lines(worths: Iterable[RuleWorth]) -> list[str]:
    """The rules that remove much and earn nothing that is known, in words: a line a verdict."""
    named: dict[str, list[str]] = {}
    for worth in worths:
        if worth.removes_much:
            removed = worth.removed_alone + worth.weighed_alone
            named.setdefault(worth.verdict, []).append(f"{worth.rule} ({removed:,} alone)")
    return [f"{saying}: {', '.join(named[verdict])}." for verdict, saying in _SAYINGS.items() if verdict in named]
