"""What `assay why` prints of an example: the verdict first, then what was measured, in figures that a person reads."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ops.core.json_values import Cell
from ops.core.stored import StoredMessage
from ops.decision.policy import DECISION
from pipelines.tables import key_value_table, minute
from resources.versions.explanation import Explanation

_LONGEST = 120
"""Characters shown of a measured text."""
_COMPARISON = r"(?:==|!=|<=|>=|<|>|in)"
_LIMIT = re.compile(rf"(\w+) ({_COMPARISON} .*?)(?=, \w+ {_COMPARISON} |$)", re.DOTALL)
_VALUE = re.compile(r"(\w+)=(.*?)(?=, \w+=|$)", re.DOTALL)


def explained(why: Explanation, *, everything: bool) -> Group:
    """The page: of the version that counts alone, or of every version and every identity of measures."""
    judged = why.judged
    verdicts = why.versions[::-1] if everything else [judged] if judged else []
    parts: list[RenderableType] = list(_verdicts(why, verdicts))
    parts += _decisions(why)
    for example in why.examples:
        parts.append(key_value_table(_content(why, example), title=f"Example {why.example_id}"))
    measures = why.measures if everything else why.measures_of(judged)
    if measures:
        parts.append(_measures(measures, named=everything))
    parts += _chances(why)
    left = _left_out(why, verdicts, measures)
    return Group(*parts, *([Text(f"Not shown: {left}; --all shows them.")] if left else []))


def _verdicts(why: Explanation, verdicts: Iterable[Mapping[str, Any]]) -> Iterator[RenderableType]:
    if not why.versions:
        yield Text("No version has judged it.")
    elif why.current is not None and not any(version["current"] for version in why.versions):
        yield Text(f"Version {why.current} (current): it is not among its examples", style="bold")
    for version in verdicts:
        mark = " (current)" if version["current"] else ""
        places = "".join(f", stage {place['stage']}, place {place['position']}" for place in version["places"])
        line = f"Version {version['version']}{mark}: {version['action']}, weight {rounded(version['weight'])}{places}"
        yield Text(line, style="bold")
        reasons: list[Mapping[str, Any]] = version["reasons"] or []
        for reason in reasons:
            if reason["rule"] == DECISION:
                yield Padding(Text(f"{DECISION}: {reason['value']}, by {reason['detail']}"), (0, 0, 0, 2), expand=False)
                continue
            yield Padding(Text(f"{reason['rule']}: {beside_limits(reason)}"), (0, 0, 0, 2), expand=False)
            turn = "" if reason["turn"] is None else f", turn {reason['turn']}"
            yield Padding(Text(f"{reason['detail']} ({reason['audit']}{turn})"), (0, 0, 0, 6), expand=False)


def _decisions(why: Explanation) -> Iterator[RenderableType]:
    """What persons decided, the last first."""
    for row in why.decisions[::-1]:
        because = f": {row['why']}" if row["why"] else ""
        lapsed = ", for the content of its row has changed" if row["state"] == "lapsed" else ""
        line = f"Decided: {row['action']}, by {row['by']}, {minute(row['at'])} UTC{because} ({row['state']}{lapsed})"
        yield Text(line, style="bold")


def beside_limits(reason: Mapping[str, Any]) -> str:
    """Each value that a rule looked at, rounded, beside the limit that it met."""
    values = dict(_VALUE.findall(reason["value"] or ""))
    limits = _LIMIT.findall(reason["threshold"] or "")
    if not limits or any(column not in values for column, _ in limits):
        return f"{reason['value']} (limit: {reason['threshold']})"
    return ", ".join(f"{column} {_told_apart(values[column], limit)} (limit {limit})" for column, limit in limits)


def _told_apart(value: str, limit: str) -> str:
    """The value rounded, unless it would read as the limit itself."""
    try:
        short = rounded(float(value)) if "." in value or "e" in value else value
    except ValueError:
        return value
    return value if short == limit.split(" ", 1)[1] else short


def _content(why: Explanation, example: Mapping[str, Any]) -> list[tuple[str, Any]]:
    place: Mapping[str, Any] = example["provenance"] or {}
    return [
        ("drop", f"{example['drop']} ({why.deliveries.get(example['delivery'], 'unknown')})"),
        ("row", f"{place.get('file')}, row {place.get('row')}, id {example['source_id']}"),
        ("dataset", example["dataset"]),
        ("pictures", ", ".join(example["image_ids"] or []) or "none"),
        *((message["role"], _words(message)) for message in example["messages"]),
    ]


def _words(message: StoredMessage) -> str:
    return " ".join("<image>" if part["type"] == "image" else part["text"] or "" for part in message["parts"] or ())


def _measures(measures: Mapping[str, list[dict[str, Any]]], *, named: bool) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(style="bold")
    table.add_column()
    for audit, rows in measures.items():
        for at, row in enumerate(rows):
            users = f" [versions {', '.join(map(str, row['used_by'])) or 'none'}]" if named else ""
            known = ", ".join(f"{name} {rounded(value)}" for name, value in row.items() if _counts(name, value))
            table.add_row(Text("" if at else audit), Text((known or "nothing") + users))
    return table


def _chances(why: Explanation) -> Iterator[RenderableType]:
    """What canaries and p-values tell, an audit a line."""
    for audit, row in why.chances.items():
        faults = " or ".join(fault.replace("_", " ") for fault in row["faults"])
        span = f"{row['low']:.2f} to {row['high']:.2f}"
        labels = f", corrected by {row['labels']} labels" if row["labels"] else ""
        yield Text(f"By {row['by']}, {audit}: {faults} with probability {row['probability']:.2f} ({span}){labels}")


def _counts(name: str, value: Any) -> bool:
    """That an audit did not abstain goes without saying."""
    return name != "used_by" and value is not None and not (name == "abstained" and value is False)


def rounded(value: Cell) -> str:
    """A measured value as a person reads it: four digits of a number, the beginning of a text."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:,.0f}" if 10_000 <= abs(value) < 1e15 else f"{value:.4g}"
    if isinstance(value, list | tuple):
        return ", ".join(map(rounded, value)) or "none"
    text = str(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _left_out(why: Explanation, verdicts: list[dict[str, object]], measures: Mapping[str, list[Any]]) -> str:
    others = len(why.versions) - len(verdicts)
    rows = sum(map(len, why.measures.values())) - sum(map(len, measures.values()))
    counted = [(others, "verdict", "of other versions"), (rows, "row", "of measures that this version does not use")]
    return " and ".join(f"{number} {what}{'s' * (number > 1)} {of}" for number, what, of in counted if number)
