"""What is asked beside what a case brings itself: the nearest picture, chosen ones' style, and what a lake measured."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from ops.audits.registry import all_audits
from ops.core.measure_schemas import EMBEDDINGS
from ops.core.schemas import EXAMPLES
from resources.engines.progress import SilentProgress
from resources.lake.tables import Lake
from resources.rewards.auditing import RewardAudit, audit_reward, draw_examples
from tests.support.corpora import message
from tests.support.questions_lake import lake_of_questions

COUNT = 30


@dataclass
class Paying:
    """Honest, and pays for an answer that begins so."""

    words: str

    def rewards(self, rows: Sequence[Mapping[str, object]]) -> list[float | None]:
        return [
            float(str(row["ground_truth"]).strip(" .").casefold() in str(row["completion"]).casefold())
            + 0.5 * str(row["completion"]).startswith(self.words)
            for row in rows
        ]


def pairs(count: int) -> pa.Table:
    rows = [
        {
            "delivery": "d",
            "example_id": f"e{n}",
            "kind": "preference",
            "dataset": "s",
            "image_ids": [],
            "messages": [
                message("user", f"Which number is on thing {n}?"),
                message("chosen", f"I can see that it is {n + 1000}."),
                message("rejected", f"Maybe {n + 2000}."),
            ],
        }
        for n in range(count)
    ]
    return pa.Table.from_pylist(rows, schema=EXAMPLES.schema)


@pytest.mark.parametrize("words", ["I can see that", "Behold"])
def test_a_reward_that_pays_for_the_words_of_chosen_answers_is_named(tmp_path: Path, words: str) -> None:
    audit = audit_reward(Paying(words), Lake(tmp_path / "lake"), pairs(COUNT), progress=SilentProgress())
    assert ("style" in audit.named) == (words == "I can see that")


def audited(lake: Lake) -> RewardAudit:
    drawn = draw_examples(lake, ["d-1"], COUNT, seed=1)
    return audit_reward(Paying("Behold"), lake, drawn, progress=SilentProgress(), seed=1)


def test_the_nearest_picture_is_shown_where_vectors_are_there(tmp_path: Path) -> None:
    lake = lake_of_questions(tmp_path / "lake", COUNT)
    assert not [f for f in audited(lake).findings if f.probe == "nearest"]
    ids = [names[0] for names in lake.read(EXAMPLES)["image_ids"].to_pylist()]
    vectors = np.random.default_rng(0).normal(size=(COUNT, 8)).astype("<f2")
    rows = [
        {"encoder": "e", "modality": "image", "content_id": name, "vector": vector.tobytes()}
        for name, vector in zip(ids, vectors, strict=True)
    ]
    table = pa.Table.from_pylist(rows, schema=EMBEDDINGS.schema)
    lake.append(EMBEDDINGS, lake.stage(EMBEDDINGS, table, {"encoder": "e", "modality": "image"}))
    (nearest,) = [f for f in audited(lake).findings if f.probe == "nearest"]
    (swapped,) = [f for f in audited(lake).findings if f.probe == "swapped"]
    assert (nearest.name, nearest.cases, nearest.share) == ("blind", swapped.cases, 0.0)


def test_what_evaluation_sets_and_sft_share_is_told(tmp_path: Path) -> None:
    lake = lake_of_questions(tmp_path / "lake", COUNT)
    assert not [f for f in audited(lake).findings if f.name == "contamination"]
    for audit, rows in (
        ("benchmark_leaks", [{"example_id": f"e{n:03d}", "is_leak": n < 6} for n in range(COUNT)]),
        ("sft_overlap", [{"example_id": f"e{n:03d}", "both": n} for n in range(3)]),
    ):
        spec = all_audits()[audit].table
        table = pa.Table.from_pylist([{"delivery": "d-1", "identity": "i", **row} for row in rows], schema=spec.schema)
        partition = {name: str(table[name][0]) for name in spec.partition_by}
        lake.write(spec, table, partition=partition, once=audit)
    shares = {f.probe: (f.verdict, round(f.share * f.cases), f.worst) for f in audited(lake).findings}
    assert shares["evaluation_sets"][:2] == ("warn", 6)
    assert shares["sft"][:2] == ("warn", 2)
