"""The policy: typed rules that turn measures into actions, and what is wrong with a rule before it runs."""

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from enum import StrEnum
from functools import reduce
from typing import Any, ClassVar

import pyarrow as pa

from ops.audits.contract import Audit
from ops.audits.ranges import SHARE, range_of
from ops.core import arrow
from ops.core.arrow import Column
from ops.core.arrow_types import fields, type_in
from ops.core.errors import AssayError
from ops.core.identity import fingerprint

Value = bool | int | float | str


class Action(StrEnum):
    """What becomes of an example. The later in this list, the stronger: the strongest of an example's rules wins."""

    KEEP = "keep"
    DOWNWEIGHT = "downweight"
    HOLD = "hold"
    DROP = "drop"


MEMBER_ACTIONS = (str(Action.KEEP), str(Action.DOWNWEIGHT))
"""Actions whose examples are members of a version."""
STRENGTH: dict[Action, int] = {action: strength for strength, action in enumerate(Action)}

DECISION = "decision"
"""What stands for a rule in the reason that a person's decision gives (ops/decision/overruling.py)."""

COMPARISONS = (*arrow.COMPARISONS, "in")
_ONE_LESS = re.compile(r"^\s*1\s*-\s*([A-Za-z_]\w*)\s*$")
_CONDITION = re.compile(r"^\s*([A-Za-z_]\w*)\s*(==|!=|<=|>=|<|>|\bin\b)\s*(.+?)\s*$", re.DOTALL)


class PolicyError(AssayError, ValueError):
    """A rule that cannot be used. `key` is the part of the rule at fault, such as `audit` or `when`."""

    def __init__(self, key: str, problem: str) -> None:
        super().__init__(problem)
        self.key = key


@dataclass(frozen=True, slots=True)
class Condition:
    """One comparison of a measure's column with a value; `in` compares with several. Null never meets a condition:
    an audit that abstains gives no reason to act."""

    column: str
    comparison: str
    value: Value | tuple[Value, ...]

    @classmethod
    def parse(cls, text: str) -> "Condition":
        """From `column comparison value`, for instance `margin_p > 0.95`, `label == good`, `label in [good, bad]`."""
        match = _CONDITION.match(text)
        if match is None:
            raise PolicyError("when", f"{text!r} is not `column comparison value`, one of {', '.join(COMPARISONS)}")
        column, comparison, value = match.groups()
        if comparison != "in":
            return cls(column, comparison, _value(value))
        if not (value.startswith("[") and value.endswith("]") and value[1:-1].strip()):
            raise PolicyError("when", f"{text!r}: `in` wants a list, such as `{column} in [a, b]`")
        return cls(column, comparison, tuple(_value(item.strip()) for item in value[1:-1].split(",")))

    def __str__(self) -> str:
        if isinstance(self.value, tuple):
            return f"{self.column} in [{', '.join(map(_text, self.value))}]"
        return f"{self.column} {self.comparison} {_text(self.value)}"

    def mask(self, column: Column) -> Column:
        """Which rows meet the condition; false where the measure is null or not a number."""
        kind = arrow.type_of(column)
        if isinstance(self.value, tuple):
            return arrow.both(arrow.is_in(column, arrow.array_of(self.value, kind)), arrow.is_valid(column))
        if not pa.types.is_floating(kind):
            return arrow.compare(column, self.comparison, self.value)
        # Compared in double precision: casting 0.1 to the column's float32 would move the threshold.
        doubles = arrow.cast_to(column, pa.float64())
        met = arrow.compare(doubles, self.comparison, float(self.value))
        return arrow.both(met, arrow.invert(arrow.is_nan(doubles)))


@dataclass(frozen=True, slots=True)
class OneLess:
    """A weight that depends on the row: 1 less its column's value, a share or a probability, but at least LEAST."""

    column: str

    LEAST: ClassVar[float] = 0.01

    @classmethod
    def parse(cls, text: str) -> "OneLess":
        """From `1 - column`."""
        match = _ONE_LESS.match(text)
        if match is None:
            raise PolicyError("weight", f"{text!r} is neither a number nor `1 - column`")
        return cls(match.group(1))

    def __str__(self) -> str:
        return f"1 - {self.column}"


@dataclass(frozen=True, slots=True)
class Rule:
    """When every condition holds for a row of the audit's measures, its example gets this action and reason.

    `weight` is what a downweighted example counts for, between 0 and 1; None for the other actions."""

    name: str
    audit: str
    when: tuple[Condition, ...]
    action: Action
    reason: str
    weight: float | OneLess | None = None

    @property
    def threshold(self) -> str:
        """The conditions as text."""
        return ", ".join(map(str, self.when))

    @property
    def columns(self) -> tuple[str, ...]:
        """The measure's columns that the rule looks at, each once, in the order of the conditions."""
        weighing = (self.weight.column,) if isinstance(self.weight, OneLess) else ()
        return tuple(dict.fromkeys((*(condition.column for condition in self.when), *weighing)))

    def mask(self, batch: pa.RecordBatch) -> Column:
        """Which rows of the audit's measures meet all conditions."""
        masks = (condition.mask(arrow.column_of(batch, condition.column)) for condition in self.when)
        return reduce(arrow.both, masks)


@dataclass(frozen=True, slots=True)
class Policy:
    """The rules, by name. The order in which they are written decides nothing."""

    rules: tuple[Rule, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "rules", tuple(sorted(self.rules, key=lambda rule: rule.name)))

    @property
    def hash(self) -> str:
        """Identity of everything in the policy that decides a verdict or its reasons."""
        return fingerprint([asdict(rule) for rule in self.rules])

    @property
    def audits(self) -> tuple[str, ...]:
        """Names of the audits that the rules look at."""
        return tuple(sorted({rule.audit for rule in self.rules}))

    def rule(self, name: str) -> Rule | None:
        """The rule of that name."""
        return next((rule for rule in self.rules if rule.name == name), None)


def check_rule(rule: Rule, audits: Mapping[str, Audit]) -> None:
    """Raise PolicyError where the rule names what does not exist, compares what cannot be compared, or can never
    fire."""
    if rule.name == DECISION:
        raise PolicyError("name", f"{DECISION!r} names what a person decided; call the rule otherwise")
    if rule.audit not in audits:
        raise PolicyError("audit", f"unknown audit {rule.audit!r}; {suggestion(rule.audit, audits)}")
    if not rule.when:
        raise PolicyError("when", "at least one condition is needed")
    _check_weight(rule, audits[rule.audit])
    schema = audits[rule.audit].schema
    for condition in rule.when:
        _check_condition(condition, rule.audit, schema)
    for column in rule.columns:
        conditions = [condition for condition in rule.when if condition.column == column]
        if not _satisfiable(conditions, type_in(schema, column)):
            listed = ", ".join(map(str, conditions))
            raise PolicyError("when", f"can never fire: no {column} meets {listed}")


def suggestion(word: str, known: Mapping[str, Any] | Sequence[str]) -> str:
    """`did you mean 'x'? Known: ...`, or the known names alone."""
    near = get_close_matches(word, list(known), n=1)
    listed = f"Known: {', '.join(known) or 'none'}"
    return f"did you mean {near[0]!r}? {listed}" if near else listed


def _check_weight(rule: Rule, audit: Audit) -> None:
    if rule.action is not Action.DOWNWEIGHT:
        if rule.weight is not None:
            raise PolicyError("weight", f"only `downweight` has a weight; remove it or change action {rule.action}")
    elif isinstance(rule.weight, OneLess):
        shares = [field.name for field in fields(audit.columns) if range_of(field) == SHARE]
        if rule.weight.column not in shares:
            problem = f"{rule.weight}: {rule.weight.column!r} is no share or probability of {audit.name}"
            raise PolicyError("weight", f"{problem}; {suggestion(rule.weight.column, shares)}")
    elif rule.weight is None or not 0 < rule.weight < 1:
        raise PolicyError("weight", f"must lie between 0 and 1, both excluded, but is {rule.weight}")


def _check_condition(condition: Condition, audit: str, schema: pa.Schema) -> None:
    comparable = [name for name in schema.names if _comparable(type_in(schema, name))]
    if condition.column not in comparable:
        problem = "cannot be compared" if condition.column in schema.names else f"is no column of {audit}"
        raise PolicyError("when", f"{condition.column!r} {problem}; {suggestion(condition.column, comparable)}")
    kind = type_in(schema, condition.column)
    values = condition.value if isinstance(condition.value, tuple) else (condition.value,)
    for value in values:
        if not _fits(value, kind):
            raise PolicyError("when", f"{condition}: {condition.column} is {kind}, but {_text(value)} is not")
    ordered = condition.comparison in ("<", "<=", ">", ">=")
    if ordered and not is_numeric(kind):
        raise PolicyError("when", f"{condition}: {kind} has no order; use ==, != or in")


def is_numeric(kind: pa.DataType) -> bool:
    """Whether the values of a column have an order and a mean."""
    return pa.types.is_integer(kind) or pa.types.is_floating(kind)


def _comparable(kind: pa.DataType) -> bool:
    return is_numeric(kind) or pa.types.is_boolean(kind) or pa.types.is_string(kind)


def _fits(value: Value, kind: pa.DataType) -> bool:
    if pa.types.is_boolean(kind):
        return isinstance(value, bool)
    if pa.types.is_string(kind):
        return isinstance(value, str)
    return isinstance(value, int | float) and not isinstance(value, bool)


def _satisfiable(conditions: Sequence[Condition], kind: pa.DataType) -> bool:
    """Whether some value of the column meets all of the conditions."""
    points = [_values(c) for c in conditions if c.comparison in ("==", "in")]
    if pa.types.is_boolean(kind):
        points.append((False, True))
    if points:
        candidates = [p for p in points[0] if not (pa.types.is_integer(kind) and isinstance(p, float) and p % 1)]
        return any(all(_holds(c, point) for c in conditions) for point in candidates)
    if not is_numeric(kind):
        return True
    low, high = _interval(conditions, integer=pa.types.is_integer(kind))
    excluded = {v for c in conditions if c.comparison == "!=" for v in _values(c)}
    if pa.types.is_integer(kind) and high - low < 1000:
        return any(n not in excluded for n in range(int(low), int(high) + 1))
    return low < high or (low == high and low not in excluded)


def _interval(conditions: Sequence[Condition], *, integer: bool) -> tuple[float, float]:
    """The closed interval that the ordered conditions leave."""
    low, high = -math.inf, math.inf
    for condition in conditions:
        (value,) = _values(condition)[:1]
        bound = float(value) if not isinstance(value, str) else math.nan
        match condition.comparison:
            case ">":
                low = max(low, math.floor(bound) + 1 if integer else math.nextafter(bound, math.inf))
            case ">=":
                low = max(low, math.ceil(bound) if integer else bound)
            case "<":
                high = min(high, math.ceil(bound) - 1 if integer else math.nextafter(bound, -math.inf))
            case "<=":
                high = min(high, math.floor(bound) if integer else bound)
            case _:  # `!=`, which leaves a gap and no bound
                pass
    return low, high


def _holds(condition: Condition, value: Value) -> bool:
    return bool(condition.mask(pa.array([value])).to_pylist()[0])


def _values(condition: Condition) -> tuple[Value, ...]:
    return condition.value if isinstance(condition.value, tuple) else (condition.value,)


def _value(text: str) -> Value:
    try:
        value = json.loads(text)
    except ValueError:
        value = text.strip("'\"")
    if not isinstance(value, bool | int | float | str) or (isinstance(value, float) and not math.isfinite(value)):
        raise PolicyError("when", f"{text} is not a number, true, false or text")
    return value


def _text(value: Value) -> str:
    return json.dumps(value, ensure_ascii=False) if not isinstance(value, str) else value
