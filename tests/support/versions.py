"""Deliveries with measures in a lake, and versions built from them."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa

from ops.audits.registry import all_audits
from ops.core.identity import content_id, example_id
from ops.core.schemas import DROPS, EXAMPLES
from ops.core.vectors import Vectors
from ops.core.version_schemas import LABELS, SAMPLES
from ops.decision.policy import Action, Condition, Policy, Rule
from ops.evidence.inputs import RowInputs
from resources.config.settings import Settings
from resources.engines.progress import SilentProgress
from resources.lake.tables import Lake
from resources.versions.candidates import build_candidate
from resources.versions.publishing import Candidate

NOTHING = Vectors.of([], np.zeros((0, 0)))
POLICY = Policy(
    (
        Rule("copy", "duplicates", (Condition.parse("copies >= 2"),), Action.DROP, "a copy"),
        Rule("long", "difficulty", (Condition.parse("answer_words > 6"),), Action.DOWNWEIGHT, "long", 0.5),
    )
)


def message(role: str, text: str) -> dict[str, Any]:
    return {"role": role, "parts": [{"type": "text", "text": text, "image_id": None}]}


def example(drop: str, delivery: str, number: int, answer: str) -> dict[str, Any]:
    images = [f"{number:064x}"] if number % 2 else []
    messages = [message("user", f"question {number}?"), message("assistant", answer)]
    content = content_id("sft", messages, images)
    return {
        "drop": drop,
        "delivery": delivery,
        "example_id": example_id(drop, str(number), content, 0),
        "content_id": content,
        "source_id": str(number),
        "kind": "sft",
        "dataset": f"set-{number % 3}",
        "messages": messages,
        "image_ids": images,
        "metadata": "{}",
        "repairs": [],
        "provenance": {"file": "a.json", "row": number},
    }


def deliver(lake: Lake, drop: str, delivery: str, answers: Sequence[str]) -> list[str]:
    """A delivery as ingest and the difficulty audit leave it; returns the ids of its examples."""
    rows = [example(drop, delivery, number, answer) for number, answer in enumerate(answers)]
    table = pa.Table.from_pylist(rows, schema=EXAMPLES.schema)
    lake.write(EXAMPLES, table, partition={"delivery": delivery}, once=delivery)
    state = {"at": datetime.now(UTC), "drop": drop, "delivery": delivery, "state": "admitted", "rows_kept": len(rows)}
    lake.log(DROPS, lambda log: [state])
    audit = all_audits()["difficulty"]
    measured = audit.measure(RowInputs(table, NOTHING, NOTHING, NOTHING, NOTHING), None)
    write_measures(lake, "difficulty", "d0", measured.to_pylist(), delivery=delivery)
    return [row["example_id"] for row in rows]


def write_measures(lake: Lake, audit: str, identity: str, rows: list[dict[str, Any]], **partition: str) -> None:
    table = all_audits()[audit].table
    filled = pa.Table.from_pylist([{**row, "identity": identity} for row in rows], schema=table.schema)
    lake.write(table, filled, partition={**partition, "identity": identity}, once=f"{partition}{identity}")


def label(lake: Lake, faulty: Mapping[str, bool]) -> None:
    """What a reviewer says of these examples of a sample, each of which stands for two."""
    keys = {"sample": "s", "version": 1, "stratum": "all", "stratum_rows": 2 * len(faulty)}
    drawn = pa.Table.from_pylist([{**keys, "example_id": name} for name in faulty], schema=SAMPLES.schema)
    lake.write(SAMPLES, drawn, partition={}, once="sample")
    labelled = [{"example_id": n, "by": "a", "label": "faulty" if bad else "sound"} for n, bad in faulty.items()]
    rows = [{**row, "sequence": at, "sample": "s"} for at, row in enumerate(labelled)]
    lake.write(LABELS, pa.Table.from_pylist(rows, schema=LABELS.schema), partition={}, once="labels")


def copies(*pairs: tuple[str, str]) -> list[dict[str, Any]]:
    """Measures of redundant examples, given by delivery and id."""
    return [{"delivery": d, "example_id": i, "other_delivery": d, "other_id": "kept", "copies": 2} for d, i in pairs]


def build(lake: Lake, settings: Settings, **changes: Any) -> Candidate:
    given = {
        "deliveries": ["a-1", "b-1"],
        "measures": {"difficulty": "d0", "duplicates": "u0"},
        "settings": settings,
        "code": "code",
        "encoder": "encoder",
        "progress": SilentProgress(),
    }
    return build_candidate(lake, **{**given, **changes})


def fill(lake: Lake, *, reverse: bool = False) -> dict[str, list[str]]:
    drops = [("a", ["yes", "no", "a rather long answer with many words"]), ("b", ["one", "two", "three", "four"])]
    ids = {drop: deliver(lake, drop, f"{drop}-1", answers) for drop, answers in (reversed(drops) if reverse else drops)}
    write_measures(lake, "duplicates", "u0", copies(("b-1", ids["b"][0])))
    return ids
