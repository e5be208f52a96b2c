"""Verdicts: what the policy makes of the measures, one row an example, with every reason."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pyarrow as pa

from ops.core import arrow
from ops.core.arrow import AnyArray, Column
from ops.core.arrow_texts import first_bytes, joined_texts
from ops.core.arrow_types import type_in
from ops.core.errors import MissingError
from ops.core.version_schemas import REASON, VERDICTS
from ops.decision.policy import STRENGTH, Action, OneLess, Policy, Rule

SCHEMA = VERDICTS.schema.remove(VERDICTS.schema.get_field_index("version"))

#: The columns of `examples` that verdicts carry along.
EXAMPLE_COLUMNS = ("delivery", "example_id", "source_id", "dataset", "kind")

_FEW_TIES = 100_000
"""Ties up to which runs are sorted one by one; a text sort of all is cheaper beyond."""

Measures = pa.Table | Iterable[pa.RecordBatch]

_HIT = [("rule", pa.int32()), ("turn", pa.int32()), ("value", pa.string()), ("weight", pa.float64())]
_NAMED_HITS = pa.schema([("delivery", pa.string()), ("example_id", pa.string()), *_HIT])
_HITS = pa.schema([("example", pa.int64()), *_HIT])


def verdicts(examples: pa.Table, measures: Mapping[str, Measures], policy: Policy) -> pa.Table:
    """One verdict an example (version_schemas.VERDICTS without `version`), sorted by delivery and example.

    `examples` has EXAMPLE_COLUMNS; ids are unique in it. `measures` holds the rows of each audit that a rule names,
    with the columns of its table; rows about examples that are not in `examples` are ignored. The result does not
    depend on the order of any input's rows. Raises MissingError where a rule's audit was not measured.
    """
    examples = _by_id(examples.select(EXAMPLE_COLUMNS))
    missing = [audit for audit in policy.audits if audit not in measures]
    if missing:
        raise MissingError(f"the policy needs the measures of {', '.join(missing)}; run these audits before publishing")
    hits = _sorted(_hits(examples, measures, policy.rules))
    action, weight = _decide(examples.num_rows, hits, policy.rules)
    columns = [
        *(examples[name] for name in EXAMPLE_COLUMNS),
        pa.array([str(a) for a in Action]).take(pa.array(action, pa.int8())),
        pa.array(weight),
        _reasons(examples.num_rows, hits, policy.rules),
    ]
    return pa.table(columns, schema=SCHEMA)


def _by_id(examples: pa.Table) -> pa.Table:
    """Sorted by delivery and id. Ids are hashes, so their first eight characters nearly always decide, and numbers sort
    ten times as fast as text."""
    heads = first_bytes(arrow.whole(examples, "example_id"), 8)
    if heads is not None and examples.num_rows:
        number = heads.view(">u8").ravel().astype(np.uint64)
        delivery = arrow.ranks(arrow.whole(examples, "delivery"))
        order = np.lexsort((number, delivery))
        tied = (np.diff(number[order]) == 0) & (np.diff(delivery[order]) == 0)
        # Eight hexadecimal digits of a million hashes agree about a hundred times; of counted ids, always.
        if tied.sum() <= _FEW_TIES:
            rows = _untied(order, tied, arrow.whole(examples, "example_id"))
            return examples.take(pa.array(rows, pa.int64())).combine_chunks()
    return arrow.sorted_by(examples, "delivery", "example_id").combine_chunks()


def _untied(order: np.ndarray, tied: np.ndarray, ids: AnyArray) -> np.ndarray:
    """The order with each run of rows that tie with their successor sorted by the whole id."""
    edges = np.flatnonzero(np.diff(np.r_[False, tied, False]))
    for start, end in edges.reshape(-1, 2).tolist():
        run = order[start : end + 1]
        texts = dict(zip(run.tolist(), ids.take(pa.array(run, pa.int64())).to_pylist(), strict=True))
        order[start : end + 1] = sorted(texts, key=lambda row: str(texts[row]).encode())
    return order


def _hits(examples: pa.Table, measures: Mapping[str, Measures], rules: Sequence[Rule]) -> pa.Table:
    """Every (example, rule, row of measures) that meets; `example` is the row in `examples`."""
    batches: list[pa.RecordBatch] = []
    for audit in sorted({rule.audit for rule in rules}):
        own = [(at, rule) for at, rule in enumerate(rules) if rule.audit == audit]
        rows = measures[audit]
        for batch in rows.to_batches() if isinstance(rows, pa.Table) else rows:
            batches += [hit for at, rule in own if (hit := _hit(batch, at, rule)).num_rows]
    hits = pa.Table.from_batches(batches, schema=_NAMED_HITS)
    # One look-up for all hits: Arrow builds the index of a million ids anew on each call.
    example = arrow.index_in(hits["example_id"], arrow.whole(examples, "example_id"))
    known = arrow.compare(arrow.taken(examples["delivery"], example), "==", hits["delivery"])
    located = hits.append_column("example", arrow.cast_to(example, pa.int64())).select(_HITS.names)
    return located.filter(known)  # a null, an id that is not in `examples`, is filtered out too


def _hit(batch: pa.RecordBatch, at: int, rule: Rule) -> pa.RecordBatch:
    """The rows of a batch of measures that meet the rule."""
    met = arrow.rows_where(batch, rule.mask(batch))
    has_turns = "turn" in met.schema.names
    turn: AnyArray = arrow.column_of(met, "turn") if has_turns else pa.nulls(met.num_rows, pa.int32())
    columns: list[Column] = [
        arrow.column_of(met, "delivery"),
        arrow.column_of(met, "example_id"),
        pa.repeat(pa.scalar(at, pa.int32()), met.num_rows),
        arrow.cast_to(turn, pa.int32()),
        _values_text(met, rule),
        _weights(met, rule),
    ]
    return arrow.batch_of(columns, _NAMED_HITS)


def _weights(met: pa.RecordBatch, rule: Rule) -> AnyArray:
    """What each row leaves its example to count for; 1 where the column that decides is null."""
    if not isinstance(rule.weight, OneLess):
        return pa.repeat(pa.scalar(1.0 if rule.weight is None else rule.weight), met.num_rows)
    values = arrow.numpy_values(arrow.column_of(met, rule.weight.column)).astype(np.float64)
    return pa.array(np.maximum(1 - np.nan_to_num(values), OneLess.LEAST))


def _values_text(met: pa.RecordBatch, rule: Rule) -> AnyArray:
    """The values that the rule looked at, as `column=value, column=value`."""
    parts: list[AnyArray] = []
    for column in rule.columns:
        values = arrow.column_of(met, column)
        # Nine digits tell all values of single precision apart; the rest of a double is noise to a reader.
        is_floating = pa.types.is_floating(arrow.type_of(values))
        narrow = arrow.cast_to(values, pa.float32(), safe=False) if is_floating else values
        parts.append(joined_texts(f"{column}=", arrow.cast_to(narrow, pa.string()), ""))
    return joined_texts(*parts, ", ")


def _sorted(hits: pa.Table) -> pa.Table:
    return arrow.sorted_by(hits, *_HITS.names).combine_chunks()


def _decide(count: int, hits: pa.Table, rules: Sequence[Rule]) -> tuple[np.ndarray, np.ndarray]:
    """Strength of each example's action (int8) and its weight (float64)."""
    strength = np.zeros(count, dtype=np.int8)
    weight = np.ones(count, dtype=np.float64)
    example, rule = hits["example"].to_numpy(), hits["rule"].to_numpy()
    np.maximum.at(strength, example, np.array([STRENGTH[r.action] for r in rules], dtype=np.int8)[rule])
    np.minimum.at(weight, example, hits["weight"].to_numpy())
    weight[strength >= STRENGTH[Action.HOLD]] = 0.0
    return strength, weight


def _reasons(count: int, hits: pa.Table, rules: Sequence[Rule]) -> AnyArray:
    rule = arrow.whole(hits, "rule")

    def of_rule(texts: list[str]) -> Column:
        return arrow.taken(pa.array(texts, pa.string()), rule)

    structs = arrow.struct_array(
        [
            of_rule([r.name for r in rules]),
            of_rule([r.audit for r in rules]),
            arrow.whole(hits, "turn"),
            arrow.whole(hits, "value"),
            of_rule([r.threshold for r in rules]),
            of_rule([r.reason for r in rules]),
        ],
        REASON,
    )
    lengths = np.bincount(hits["example"].to_numpy(), minlength=count)
    return arrow.list_array(lengths, structs, type_in(SCHEMA, "reasons"))
