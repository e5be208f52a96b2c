"""Prompts of RL that are asked with different ground truths."""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TypedDict

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.pandas.types import from_arrow_schema

from ops.core.arrow import column_values, nullable_values, rows_of, with_column
from ops.core.arrow_types import fields
from ops.core.json_values import Cell
from ops.core.schemas import PROMPTS
from ops.corpus.links import Links, key_of, keyed
from ops.corpus.tables import CorpusTables
from ops.prompts import mathematics
from ops.prompts.truths import truth_key, unwrapped

_ASKED = ["image_key", "query_key"]
_READ = ("delivery", "example_id", *_ASKED, "query", "ground_truth", "is_json")
_KEYED = pa.schema([*fields(PROMPTS.schema, *_READ), pa.field("truth_key", pa.string())])
_JUDGED_PROMPTS = pa.schema(
    [
        ("delivery", pa.string()),
        ("example_id", pa.string()),
        ("group_id", pa.string()),
        ("examples", pa.int64()),
        ("truths", pa.int32()),
        ("votes", pa.int64()),
        ("majority_share", pa.float64()),
        ("is_majority", pa.bool_()),
        ("other_truth", pa.string()),
    ]
)
_LONGEST_TRUTH = 200


class _Member(TypedDict):
    """A prompt of a group."""

    delivery: str
    example_id: str
    ground_truth: str
    truth_key: str


class _Group(TypedDict):
    """The prompts that ask the same about the same images."""

    group_id: str
    members: list[_Member]


def _links(tables: CorpusTables, settings: None) -> dict[str, DataFrame]:
    known = F.col("ground_truth").isNotNull() & (F.trim("query") != "")
    return {"prompts": keyed(tables["prompts"], F.when(known, key_of("prompt", *_ASKED)))}


LINKS = Links("prompts", _links)


def truth_contradictions(prompts: DataFrame) -> DataFrame:
    """Each prompt whose question about the same images has another ground truth elsewhere."""
    known = prompts.where("ground_truth IS NOT NULL AND trim(query) != ''").select(*_READ)
    keyed = known.mapInArrow(_keyed, from_arrow_schema(_KEYED))
    groups = (
        keyed.groupBy(*_ASKED)
        .agg(
            F.count_distinct("truth_key").alias("truths"),
            F.collect_list(F.struct("delivery", "example_id", "ground_truth", "truth_key")).alias("members"),
        )
        .where("truths > 1")
        .select(F.md5(F.concat_ws("|", *_ASKED)).alias("group_id"), "members")
    )
    return groups.mapInArrow(_judged, from_arrow_schema(_JUDGED_PROMPTS))


def _keyed(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        texts, are_json = column_values(batch, "ground_truth", str), nullable_values(batch, "is_json", bool)
        keys = [truth_key(text, is_json=bool(is_json)) for text, is_json in zip(texts, are_json, strict=True)]
        yield with_column(batch, "truth_key", pa.array(keys, pa.string()))


def _judged(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        rows = [row for group in rows_of(batch, _Group) for row in _members(group)]
        yield pa.RecordBatch.from_pylist(rows, schema=_JUDGED_PROMPTS)


def _members(group: _Group) -> Iterator[dict[str, Cell]]:
    """The rows of a group, where its truths still differ once mathematics is read."""
    members = group["members"]
    names = _merged({member["truth_key"]: member["ground_truth"] for member in members})
    votes = Counter(names[member["truth_key"]] for member in members)
    if len(votes) < 2:
        return
    ranked = sorted(votes.items(), key=lambda item: (-item[1], item[0]))
    leads = ranked[0][1] > ranked[1][1]
    texts = {names[m["truth_key"]]: m["ground_truth"] for m in sorted(members, key=_reading, reverse=True)}
    for member in members:
        name = names[member["truth_key"]]
        yield {
            "delivery": member["delivery"],
            "example_id": member["example_id"],
            "group_id": group["group_id"],
            "examples": len(members),
            "truths": len(votes),
            "votes": votes[name],
            "majority_share": ranked[0][1] / len(members),
            "is_majority": name == ranked[0][0] if leads else None,
            "other_truth": next(texts[other] for other, _ in ranked if other != name)[:_LONGEST_TRUTH],
        }


def _reading(member: _Member) -> str:
    return member["ground_truth"]


def _merged(truths: dict[str, str]) -> dict[str, str]:
    """Each truth's key, with the first of those that say the same in mathematics."""
    names: dict[str, str] = {}
    for key in sorted(truths):
        text = unwrapped(truths[key])
        names[key] = next((one for one in set(names.values()) if _same(unwrapped(truths[one]), text)), key)
    return names


def _same(truth: str, other: str) -> bool:
    written = mathematics.looks_mathematical(truth) or mathematics.looks_mathematical(other)
    return written and bool(mathematics.equal(truth, other))
