"""What a reviewer sees beside an example: parts of its pictures, the examples that it repeats, and where its figures
lie in the version."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from ops.audits.contract import Grain, Scope
from ops.audits.registry import all_audits
from ops.core.arrow import column_of
from ops.core.arrow_types import type_in
from ops.core.schemas import BOXES
from ops.decision.policy import is_numeric
from ops.report.audit_data import ShownExample
from ops.report.review_page import Region
from resources.lake.stored_measures import read_measures
from resources.lake.tables import Lake

Row = dict[str, object]
_MOST_TWINS = 2
_MOST_REGIONS = 12
_CONTRADICTED = "contradicted"


def twins_of(lake: Lake, ids: Sequence[str], measures: Mapping[str, str]) -> dict[str, list[tuple[str, str]]]:
    """The examples that those of the ids are held to repeat: name of the audit and id of the other, by example."""
    twins: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
    for name, identity in sorted(measures.items()):
        audit = all_audits().get(name)
        if audit is None or audit.grain is not Grain.PAIR:
            continue
        where = {"identity": identity, "example_id": list(ids)}
        for row in lake.read(audit.table, where=where, columns=["example_id", "other_id"]).to_pylist():
            if len(twins[row["example_id"]]) < _MOST_TWINS:
                twins[row["example_id"]].append((name, row["other_id"]))
    return dict(twins)


def regions_of(
    lake: Lake, ids: Sequence[str], *, deliveries: Sequence[str], measures: Mapping[str, str]
) -> dict[str, tuple[Region, ...]]:
    """The parts of pictures that boxes and contradicted claims speak of, by example."""
    where = {"delivery": list(deliveries), "example_id": list(ids)}
    regions: defaultdict[str, list[Region]] = defaultdict(list)
    for row in lake.read(BOXES, where=where).to_pylist():
        if row["image"] is not None and row["shape"] == "box" and row["image_width_px"] and row["image_height_px"]:
            size = (row["image_width_px"], row["image_height_px"]) * 2
            edges = [row[side] / own for side, own in zip(("left", "top", "right", "bottom"), size, strict=True)]
            _add(regions[row["example_id"]], row["image"], edges, row["phrase"] or "a box")
    if "claims" in measures:
        audit = all_audits()["claims"]
        columns = ["example_id", "verdict", "box", "subject", "said"]
        for row in lake.read(audit.table, where={**where, "identity": measures["claims"]}, columns=columns).to_pylist():
            if row["verdict"] == _CONTRADICTED and row["box"]:
                claimed = " ".join(word for word in (row["said"], row["subject"]) if word)
                _add(regions[row["example_id"]], 0, row["box"], f"claimed: {claimed}")
    return {example: tuple(parts) for example, parts in regions.items()}


def _add(parts: list[Region], picture: int, edges: Sequence[float], label: str) -> None:
    """Adds a region whose edges are shares; ordered and clipped to the picture, for boxes are as delivered."""
    if len(parts) < _MOST_REGIONS and all(np.isfinite(edges)):
        left, top, right, bottom = np.clip(edges, 0, 1).tolist()
        parts.append(Region(picture, min(left, right), min(top, bottom), max(left, right), max(top, bottom), label))


def places_of(
    lake: Lake, examples: Iterable[ShownExample], *, deliveries: Sequence[str], measures: Mapping[str, str]
) -> dict[str, tuple[str, ...]]:
    """Where the figures that rules speak of lie among all of the version's, a line each, by example. Holds one column
    of measures at a time."""
    wanted: defaultdict[tuple[str, str], list[tuple[str, float]]] = defaultdict(list)
    for example in examples:
        for reason in example.reasons:
            for part in reason.value.split(", "):
                column, _, text = part.partition("=")
                if reason.audit in measures and _has_numbers(reason.audit, column) and _is_number(text):
                    wanted[reason.audit, column].append((example.example_id, float(text)))
    lines: defaultdict[str, list[str]] = defaultdict(list)
    for (audit, column), values in sorted(wanted.items()):
        known = _column(lake, audit, column, measures[audit], deliveries)
        for example, value in sorted(set(values)):
            below, above = np.searchsorted(known, value), len(known) - np.searchsorted(known, value, side="right")
            lines[example].append(
                f"{audit}.{column} {value:.4g}: above {below / len(known):.1%} and below {above / len(known):.1%} "
                f"of the version's {len(known):,} rows of it"
            )
    return {example: tuple(dict.fromkeys(own)) for example, own in lines.items()}


def _column(lake: Lake, audit: str, column: str, identity: str, deliveries: Sequence[str]) -> np.ndarray:
    """The values of the version's measures, in order, as a reason shows them: to the digits of single precision."""
    batches = read_measures(lake, audit, identity=identity, deliveries=deliveries, columns={column})
    parts = [column_of(batch, column).drop_null().to_numpy(zero_copy_only=False) for batch in batches]
    values = np.concatenate([np.empty(0), *parts]).astype(np.float32).astype(np.float64)
    return np.sort(values[np.isfinite(values)])


def _has_numbers(audit: str, column: str) -> bool:
    known = all_audits().get(audit)
    # Of audits that measure findings alone, the rows of the version are no sample to compare with.
    if known is None or column not in known.schema.names or known.scope is Scope.CORPUS:
        return False
    return is_numeric(type_in(known.schema, column))


def _is_number(text: str) -> bool:
    try:
        return bool(np.isfinite(float(text)))
    except ValueError:
        return False
