"""A parsed shard becomes staged rows of the tables, with what only the whole drop could tell."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from ops.boxes.conventions import Size
from ops.boxes.file_boxes import FileScale, Sizes, box_table
from ops.core.arrow import Column, struct_array
from ops.core.canonical import image_key, picture_places, query_key, response_key
from ops.core.identity import digest, example_id
from ops.core.schemas import BOXES, EXAMPLES, PREFERENCES, PROMPTS, QUARANTINE, TableSpec
from ops.text.turn_rows import TURN_RULES, TURN_TABLES, turn_rows
from resources.intake.context import Context
from resources.intake.parsing import ParsedShard, Verdict
from resources.lake.staged import StagedFile

Problems = dict[int, tuple[str, str]]
"""A reason code and a detail, by the place of the row in the shard."""
_PROVENANCE = pa.struct([("file", pa.string()), ("row", pa.int64())])


@dataclass(frozen=True, slots=True)
class FinishWork:
    """A parsed shard, with what only the whole drop could tell: verdicts on its images, the occurrence number of rows
    that repeat an earlier one, the rows whose id was seen before, and of boxes the sizes of their images and how the
    file's notations are read."""

    shard: ParsedShard
    verdicts: Mapping[str, Verdict]
    occurrences: Mapping[int, int]
    same_id: frozenset[int]
    sizes: Sizes = field(default_factory=dict[str, Size])
    scales: Mapping[str, FileScale] = field(default_factory=dict[str, FileScale])


@dataclass(frozen=True, slots=True)
class FinishedShard:
    """The staged rows of a shard, by the name of the table."""

    name: str
    file: str
    kept: int
    quarantined: int
    staged: Mapping[str, tuple[StagedFile, ...]]


def finish_shard(work: FinishWork, context: Context) -> FinishedShard:
    """Stages the examples, turns, preferences, prompts, boxes and quarantined rows of a shard."""
    parsed = context.scratch.read_table(f"{work.shard.name}-parsed")
    problems = _problems(parsed, work, context)
    kept = parsed.filter(pa.array([n not in problems for n in range(parsed.num_rows)], pa.bool_()))
    examples = _examples(kept, work, context)
    convention = context.manifest.box_convention(work.shard.file)
    quarantine = _quarantine(parsed, problems, work, context)
    rows = {
        EXAMPLES: examples,
        PREFERENCES: _preferences(kept, examples),
        PROMPTS: _prompts(kept, examples),
        **_turns(examples),
        BOXES: box_table(kept, examples, sizes=work.sizes, scales=work.scales, chosen=convention),
        QUARANTINE: quarantine,
    }
    known = {"delivery": context.delivery, "rules": TURN_RULES}
    staged = {
        spec.name: tuple(context.lake.stage(spec, table, {name: known[name] for name in spec.partition_by}))
        for spec, table in rows.items()
    }
    return FinishedShard(work.shard.name, work.shard.file, examples.num_rows, quarantine.num_rows, staged)


def _problems(parsed: pa.Table, work: FinishWork, context: Context) -> Problems:
    """Rows of the table that may not be kept, with the reason."""
    bad = {image: verdict for image, verdict in work.verdicts.items() if isinstance(verdict, dict)}
    problems: Problems = {}
    if bad:
        for n, images in enumerate(_values(parsed, "image_ids")):
            verdict = next((bad[image] for image in images if image in bad), None)
            if verdict:
                problems[n] = (verdict["reason"], verdict["detail"])
    if work.same_id and context.settings.duplicate_ids == "quarantine":
        for n, row in enumerate(_values(parsed, "row")):
            if row in work.same_id:
                problems.setdefault(n, ("duplicate_id", ""))
    return problems


def _examples(kept: pa.Table, work: FinishWork, context: Context) -> pa.Table:
    rows, sources, contents = (_values(kept, name) for name in ("row", "source_id", "content_id"))
    ids = [
        example_id(context.drop, source, content, work.occurrences.get(row, 0))
        for row, source, content in zip(rows, sources, contents, strict=True)
    ]
    provenance = struct_array(
        [pa.array([work.shard.file] * len(rows), pa.string()), pa.array(rows, pa.int64())], _PROVENANCE
    )
    made: dict[str, Column] = {
        "drop": pa.array([context.drop] * len(rows), pa.string()),
        "delivery": pa.array([context.delivery] * len(rows), pa.string()),
        "example_id": pa.array(ids, pa.string()),
        "repairs": _repairs(kept, work),
        "provenance": provenance,
    }
    columns = [made[name] if name in made else kept[name] for name in EXAMPLES.schema.names]
    return pa.table(columns, schema=EXAMPLES.schema)


def _repairs(kept: pa.Table, work: FinishWork) -> Column:
    notes = {image: verdict for image, verdict in work.verdicts.items() if isinstance(verdict, list)}
    if not notes and not work.same_id:
        return kept["repairs"]
    built: list[list[str]] = []
    for row, repairs, images in zip(*(kept[n].to_pylist() for n in ("row", "repairs", "image_ids")), strict=True):
        more = {code for image in images for code in notes.get(image, ())}
        built.append(sorted({*repairs, *more, *(["duplicate_id"] if row in work.same_id else [])}))
    return pa.array(built, pa.list_(pa.string()))


def _preferences(kept: pa.Table, examples: pa.Table) -> pa.Table:
    columns = (
        kept["judgements"],
        kept["query"],
        *(examples[n] for n in ("messages", "example_id", "delivery", "dataset", "image_ids")),
    )
    rows: list[dict[str, object]] = []
    for judgements, query, messages, example, delivery, dataset, images in zip(
        *(c.to_pylist() for c in columns), strict=True
    ):
        if not judgements:
            continue
        shared = {
            "delivery": delivery,
            "example_id": example,
            "dataset": dataset,
            "image_ids": images,
            "query": query,
            "image_key": image_key(images),
            "query_key": query_key(query, picture_places(messages)),
        }
        rows += [_judgement(n, judgement, shared) for n, judgement in enumerate(judgements)]
    return pa.Table.from_pylist(rows, schema=PREFERENCES.schema)


def _prompts(kept: pa.Table, examples: pa.Table) -> pa.Table:
    names = ("delivery", "example_id", "dataset", "image_ids")
    columns = (kept["prompt"], kept["query"], examples["messages"], *(examples[name] for name in names))
    rows: list[dict[str, object]] = []
    for prompt, query, messages, *shared in zip(*(c.to_pylist() for c in columns), strict=True):
        if prompt:
            row = {**dict(zip(names, shared, strict=True)), **prompt, "query": query}
            asked = query_key(query, picture_places(messages))
            rows.append({**row, "image_key": image_key(row["image_ids"]), "query_key": asked})
    return pa.Table.from_pylist(rows, schema=PROMPTS.schema)


def _turns(examples: pa.Table) -> dict[TableSpec, pa.Table]:
    rows = turn_rows(examples)
    return {spec: rows[spec.name] for spec in TURN_TABLES}


def _judgement(number: int, judgement: Mapping[str, Any], shared: Mapping[str, Any]) -> dict[str, Any]:
    opponent = judgement["opponent"]
    return {
        **shared,
        **judgement,
        "judgement_id": digest(shared["example_id"], str(number)),
        "response_key": response_key(judgement["response"]),
        "opponent_key": None if opponent is None else response_key(opponent),
    }


def _quarantine(
    parsed: pa.Table, problems: Mapping[int, tuple[str, str]], work: FinishWork, context: Context
) -> pa.Table:
    refused = context.scratch.read_table(f"{work.shard.name}-refused").to_pylist()
    for n, (reason, detail) in problems.items():
        row = {name: parsed[name][n].as_py() for name in ("row", "source_id", "raw")}
        refused.append({**row, "reason": reason, "detail": detail})
    whole = [{**row, "delivery": context.delivery, "file": work.shard.file} for row in refused]
    return pa.Table.from_pylist(sorted(whole, key=lambda row: row["row"]), schema=QUARANTINE.schema)


def _values(table: pa.Table, name: str) -> list[Any]:
    return table[name].to_pylist()
