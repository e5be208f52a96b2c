"""The facts of a candidate, counted by tasks: each reads a share of the corpus and of the version's tables once."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa

from ops.audits.registry import all_audits
from ops.core.arrow import AnyArray, column_of, compare, flags, is_in, rows_where
from ops.core.hashing import EXAMPLE_KEY, joined, key_hashes
from ops.core.schemas import EXAMPLES, PREFERENCES
from ops.core.tasks import Tasks
from ops.core.version_schemas import CURATED, CURRICULUM, VERDICTS
from ops.decision.mix import MixSettings, Sums
from ops.decision.policy import MEMBER_ACTIONS
from ops.gates.candidate_facts import (
    OrderKeys,
    ShareFacts,
    by_hash,
    candidate_facts,
    order_facts,
    order_keys,
    share_facts,
)
from ops.gates.content_facts import (
    CONTRADICTED,
    POLLUTED,
    Pollution,
    Queries,
    contradiction_facts,
    judged_queries,
    pollution,
    pollution_facts,
    query_counts,
)
from resources.gates.diversity import CLUSTER, DIVERSITY, diversity, mean_vectors
from resources.gates.mix import Mixing, mix_facts
from resources.gates.picture_groups import PictureGroups
from resources.gates.removal import REMOVAL, removal_facts
from resources.gates.sample import Sample, Sampled, sampled
from resources.lake.parts import Part
from resources.lake.shares import SHARE_ROWS, Share, View, rows_kept, shares_of
from resources.lake.stored_measures import Without, shows_pictures, used
from resources.lake.tables import Lake

_MOST_RANGES = 128


@dataclass(frozen=True, slots=True)
class Stored:
    """A candidate as it is stored: what it was made of, as its row of `versions` pins it."""

    lake: Lake
    version: int
    deliveries: tuple[str, ...]
    measures: Mapping[str, str]
    without: Without
    encoder: str
    mix: MixSettings


@dataclass(frozen=True, slots=True)
class _Counted:
    """What a share adds to the facts. `sums` are those of its members before and after the target mix, each of the
    visual ones and the others."""

    facts: ShareFacts
    pollution: Pollution
    sums: tuple[tuple[Sums, Sums], tuple[Sums, Sums]]
    sampled: Sampled


def facts_of(stored: Stored, tasks: Tasks, *, share_rows: int = SHARE_ROWS) -> dict[str, pa.Table]:
    """All facts of the candidate, by name. `examples` is read once."""
    lake, of_version = stored.lake, {"version": stored.version}
    shares = shares_of(rows_kept(lake, stored.deliveries), share_rows)
    ordered = lake.parts(CURRICULUM, where=of_version, rows=share_rows)
    rows = {spec.name: sum(part.rows for part in lake.parts(spec, where=of_version)) for spec in (VERDICTS, CURATED)}
    ranges = min(len(shares), _MOST_RANGES)
    counted = [tasks.parts(1 + ranges, _count_share, stored, share, rows[VERDICTS.name], ranges) for share in shares]
    order = [tasks.parts(ranges, _order_part, stored, part, _places(ordered, ranges)) for part in ordered]
    fit = [
        tasks.call(_fit, places, len(shares), *[own[1 + at] for own in counted], *[own[at] for own in order])
        for at, places in enumerate(_places(ordered, ranges))
    ]
    queries = [tasks.parts(ranges, _queries, stored, own, ranges) for own in _whole_deliveries(shares)]
    judged = [tasks.call(query_counts, *[own[at] for own in queries]) for at in range(ranges)]
    receipts: list[_Counted] = list(tasks.values([own[0] for own in counted]))
    figures = [own.facts.figures for own in receipts]
    facts = candidate_facts(
        [own.facts for own in receipts],
        list(tasks.values(fit)),
        strange_verdicts=rows[VERDICTS.name] - sum(own["verdicts"] for own in figures),
        strange_members=rows[CURATED.name] - sum(own["curated"] for own in figures),
    )
    facts |= contradiction_facts(tasks.values(judged)) | pollution_facts([own.pollution for own in receipts])
    sample = Sample.of([own.sampled for own in receipts])
    facts |= _of_sample(stored, sample)
    return facts | mix_facts([own.sums for own in receipts], stored.mix)


def _of_sample(stored: Stored, sample: Sample | None) -> dict[str, pa.Table]:
    """Facts that a sample tells: diversity, and removals by group; empty tables where it tells nothing."""
    if sample is None:
        return {
            "diversity": DIVERSITY.empty_table(),
            "clusters": CLUSTER.empty_table(),
            "removal": REMOVAL.empty_table(),
        }
    embedded = mean_vectors(stored.lake, [row["image_ids"] or [] for row in sample.rows], stored.encoder)
    groups = PictureGroups.of(stored.lake, sample.rows, embedded, encoder=stored.encoder)
    return {**diversity(sample, embedded), "removal": removal_facts(stored.lake, sample, groups)}


def _places(parts: Sequence[Part], ranges: int) -> list[range]:
    """The positions that an order of these parts should have, in so many ranges."""
    rows = sum(part.rows for part in parts)
    edges = [rows * at // ranges for at in range(ranges + 1)]
    return [range(start, stop) for start, stop in pairwise(edges)]


def _whole_deliveries(shares: Sequence[Share]) -> list[tuple[str, ...]]:
    """The deliveries of each share; one that lies in several stands once."""
    return list(dict.fromkeys(share.deliveries for share in shares))


def _count_share(stored: Stored, share: Share, judged: int, ranges: int) -> list[Any]:
    """What the share adds to the facts, and the keys of its members by ranges of hashes."""
    view = View(stored.lake, {}, share)
    of_version = {"version": stored.version}
    verdicts = list(view.batches(VERDICTS, where=of_version))
    curated = list(view.batches(CURATED, where=of_version))
    keys: list[np.ndarray] = []
    visual: list[AnyArray] = [pa.array([], pa.string())]
    sft = 0
    picked: list[pa.RecordBatch] = []
    for batch in view.batches(EXAMPLES, columns=[*EXAMPLE_KEY, "kind", "messages", "image_ids"]):
        keys.append(key_hashes(batch))
        visual.append(column_of(rows_where(batch, pa.array(shows_pictures(batch))), "example_id"))
        sft += int(np.count_nonzero(flags(compare(column_of(batch, "kind"), "==", "sft"))))
        picked.append(sampled(batch, judged))
    facts, listed = share_facts(examples=joined(keys), verdicts=verdicts, curated=curated)
    mixing = Mixing(
        view,
        pa.concat_arrays(visual),
        deliveries=stored.deliveries,
        measures=stored.measures,
        settings=stored.mix,
        without=stored.without,
    )
    before = _table(verdicts, VERDICTS.schema)
    before = rows_where(before, is_in(before["action"], pa.array(MEMBER_ACTIONS)))
    sums = mixing.sums(before), mixing.sums(_table(curated, CURATED.schema))
    receipt = _Counted(facts, _pollution(stored, view, sft), sums, Sampled.of(picked, verdicts))
    return [receipt, *by_hash(listed, ranges)]


def _table(batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> pa.Table:
    return pa.Table.from_batches(list(batches), schema)


def _pollution(stored: Stored, view: View, sft: int) -> Pollution:
    rows: dict[str, Iterator[pa.RecordBatch]] = {}
    for name in POLLUTED:
        if name in stored.measures:
            where = {"identity": stored.measures[name], "delivery": used(stored.deliveries, stored.without, name)}
            columns = [*EXAMPLE_KEY, *POLLUTED[name]]
            rows[name] = view.batches(all_audits()[name].table, where=where, columns=columns)
    return pollution(sft, rows)


def _order_part(stored: Stored, part: Part, places: Sequence[range]) -> list[OrderKeys]:
    """The keys of a part of the curriculum, by ranges of hashes and of positions."""
    rows = stored.lake.batches(CURRICULUM, where={"version": stored.version}, parts=[part])
    order = order_keys(rows)
    cut = [by_hash(own, len(places)) for own in (order.keys, order.in_stage)]
    positions = np.sort(order.positions)
    at = np.searchsorted(positions, [own.start for own in places[1:]])
    return [OrderKeys(*own) for own in zip(*cut, np.split(positions, at), strict=True)]


def _fit(places: range, shares: int, *keys: Any) -> dict[str, int]:
    """How the order fits the members, in one range: first come the members' keys of each share, then the order's."""
    members, order = joined(keys[:shares]), keys[shares:]
    whole_order = OrderKeys(
        joined(own.keys for own in order),
        joined(own.in_stage for own in order),
        np.concatenate([np.empty(0, dtype=np.int64), *(own.positions for own in order)]),
    )
    return order_facts(np.sort(members), whole_order, places)


def _queries(stored: Stored, deliveries: Sequence[str], ranges: int) -> list[Queries]:
    """The judged queries of the deliveries, by ranges of hashes."""
    lake, of_deliveries = stored.lake, {"delivery": list(deliveries)}
    columns = ["delivery", "judgement_id", "image_key", "query_key"]
    contradictions: Iterable[pa.RecordBatch] = ()
    if "contradictions" in stored.measures:
        where = {"identity": stored.measures["contradictions"], **of_deliveries}
        read = ["delivery", "judgement_id", *CONTRADICTED, "side"]
        contradictions = lake.batches(all_audits()["contradictions"].table, where=where, columns=read)
    judgements = lake.batches(PREFERENCES, where=of_deliveries, columns=columns)
    return judged_queries(judgements, contradictions).parts(ranges)
