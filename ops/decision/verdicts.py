"""Verdicts: what the policy makes of the measures, one row an example, with every reason."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ops.core import schemas
from ops.core.errors import MissingError
from ops.decision.policy import STRENGTH, Action, Policy, Rule

SCHEMA = schemas.VERDICTS.schema.remove(schemas.VERDICTS.schema.get_field_index("version"))

#: The columns of `examples` that verdicts carry along.
EXAMPLE_COLUMNS = ("delivery", "example_id", "source_id", "dataset", "kind")

_FEW_TIES = 100_000
"""Ties up to which runs are sorted one by one; a text sort of all is cheaper beyond."""

Measures = pa.Table | Iterable[pa.RecordBatch]

_HIT = [("rule", pa.int32()), ("turn", pa.int32()), ("value", pa.string())]
_NAMED_HITS = pa.schema([("delivery", pa.string()), ("example_id", pa.string()), *_HIT])
_HITS = pa.schema([("example", pa.int64()), *_HIT])


def verdicts(examples: pa.Table, measures: Mapping[str, Measures], policy: Policy) -> pa.Table:
    """One verdict an example (schemas.VERDICTS without `version`), sorted by delivery and example.

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
        *examples.columns,
        pa.array([str(a) for a in Action]).take(pa.array(action, pa.int8())),
        pa.array(weight),
        _reasons(examples.num_rows, hits, policy.rules),
    ]
    return pa.table(columns, schema=SCHEMA)


def _by_id(examples: pa.Table) -> pa.Table:
    """Sorted by delivery and id. Ids are hashes, so their first eight characters nearly always decide, and numbers sort
    ten times as fast as text."""
    names = examples["delivery"].combine_chunks().dictionary_encode()
    ids: Any = examples["example_id"].combine_chunks().cast(pa.binary())
    rank = np.argsort(np.argsort(np.array(names.dictionary.to_pylist(), dtype=str)))
    head: Any = pc.binary_slice(ids, 0, 8)
    if examples.num_rows and pc.min(pc.binary_length(head)).as_py() == 8:
        number = np.frombuffer(head.cast(pa.binary(8)).buffers()[1], dtype=">u8")[: len(head)].astype(np.uint64)
        delivery = rank[names.indices.to_numpy()]
        order = np.lexsort((number, delivery))
        tied = (np.diff(number[order]) == 0) & (np.diff(delivery[order]) == 0)
        # Eight hexadecimal digits of a million hashes agree about a hundred times; of counted ids, always.
        if tied.sum() <= _FEW_TIES:
            return examples.take(pa.array(_untied(order, tied, ids), pa.int64())).combine_chunks()
    return examples.sort_by([("delivery", "ascending"), ("example_id", "ascending")]).combine_chunks()


def _untied(order: np.ndarray, tied: np.ndarray, ids: pa.Array) -> np.ndarray:
    """The order with each run of rows that tie with their successor sorted by the whole id."""
    edges = np.flatnonzero(np.diff(np.r_[False, tied, False]))
    for start, end in edges.reshape(-1, 2).tolist():
        run = order[start : end + 1]
        order[start : end + 1] = sorted(run.tolist(), key=lambda row: ids[row].as_py())
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
    example = pc.index_in(hits["example_id"], value_set=examples["example_id"].combine_chunks())
    known: Any = pc.equal(examples["delivery"].take(example), hits["delivery"])
    located = hits.append_column("example", example.cast(pa.int64())).select(_HITS.names)
    return located.filter(known)  # a null, an id that is not in `examples`, is filtered out too


def _hit(batch: pa.RecordBatch, at: int, rule: Rule) -> pa.RecordBatch:
    """The rows of a batch of measures that meet the rule."""
    mask = rule.when[0].mask(batch.column(rule.when[0].column))
    for condition in rule.when[1:]:
        mask = pc.and_(mask, condition.mask(batch.column(condition.column)))
    met = batch.filter(mask)
    turn = met.column("turn") if "turn" in met.schema.names else pa.nulls(met.num_rows, pa.int32())
    arrays = [
        met.column("delivery"),
        met.column("example_id"),
        pa.repeat(pa.scalar(at, pa.int32()), met.num_rows),
        turn.cast(pa.int32()),
        _values_text(met, rule),
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=_NAMED_HITS)


def _values_text(met: pa.RecordBatch, rule: Rule) -> pa.Array:
    """The values that the rule looked at, as `column=value, column=value`."""
    join: Any = pc.binary_join_element_wise
    parts: list[pa.Array] = []
    for column in rule.columns:
        values = met.column(column)
        # Nine digits tell all values of single precision apart; the rest of a double is noise to a reader.
        narrow = values.cast(pa.float32(), safe=False) if pa.types.is_floating(values.type) else values
        parts.append(join(f"{column}=", narrow.cast(pa.string()), ""))
    return join(*parts, ", ")


def _sorted(hits: pa.Table) -> pa.Table:
    return hits.sort_by([(name, "ascending") for name in _HITS.names]).combine_chunks()


def _decide(count: int, hits: pa.Table, rules: Sequence[Rule]) -> tuple[np.ndarray, np.ndarray]:
    """Strength of each example's action (int8) and its weight (float64)."""
    strength = np.zeros(count, dtype=np.int8)
    weight = np.ones(count, dtype=np.float64)
    example, rule = hits["example"].to_numpy(), hits["rule"].to_numpy()
    np.maximum.at(strength, example, np.array([STRENGTH[r.action] for r in rules], dtype=np.int8)[rule])
    np.minimum.at(weight, example, np.array([1.0 if r.weight is None else r.weight for r in rules])[rule])
    weight[strength >= STRENGTH[Action.HOLD]] = 0.0
    return strength, weight


def _reasons(count: int, hits: pa.Table, rules: Sequence[Rule]) -> pa.ListArray:
    rule = hits["rule"].combine_chunks()

    def of_rule(texts: list[str]) -> pa.Array:
        return pa.array(texts, pa.string()).take(rule)

    structs = pa.StructArray.from_arrays(
        [
            of_rule([r.name for r in rules]),
            of_rule([r.audit for r in rules]),
            hits["turn"].combine_chunks(),
            hits["value"].combine_chunks(),
            of_rule([r.threshold for r in rules]),
            of_rule([r.reason for r in rules]),
        ],
        fields=list(schemas.REASON),
    )
    offsets = np.concatenate([[0], np.cumsum(np.bincount(hits["example"].to_numpy(), minlength=count))])
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), structs, type=SCHEMA.field("reasons").type)
