"""What a night costs that brings 1 % of new examples, beside measuring the whole corpus: processor time of each corpus
audit that carries measures over, on made-up rows.

    python -m benchmarks.corpus_night --examples 100000 1000000
"""

import argparse
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import islice, product
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from benchmarks.meter import metered
from ops.audits.contract import Audit, Scope
from ops.audits.registry import audits_of
from ops.core.identity import digest, text_id
from ops.core.measure_schemas import EMBEDDINGS
from ops.core.schemas import DIALOGUES, EXAMPLES, IMAGES, PREFERENCES, PROMPTS, TURNS, TableSpec
from ops.core.vectors import unit
from ops.text.turn_rows import TURN_RULES, turns_of
from ops.vision.colours import FACT_BYTES
from resources.config.spark_settings import SparkSettings
from resources.engines.spark import start_spark
from resources.lake.tables import Lake
from resources.measuring.corpus import measure_corpus
from resources.measuring.recorded import record_embedded

_ENCODER = "made up"
_CHUNK = 100_000
_SMALL = 1_000
_WORDS = ["".join(letters) for letters in islice(product("bdfgklmn", "aeiou", "prst", "aeiou", "lmnr"), 5000)]
_QUERIES = [f"What {word} is shown?" for word in _WORDS[:20]]
_WIDTH = 64
"""Of the vectors. A text lies near those that share most of its words, and each two images near each other."""


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--examples", type=int, nargs="+", default=[100_000])
    options.add_argument(
        "--audits", nargs="+", default=[audit.name for audit in audits_of(Scope.CORPUS) if audit.links]
    )
    chosen = options.parse_args()
    spark = start_spark(SparkSettings(memory="3g", shuffle_partitions=8))
    spark.range(1).count()
    # What is measured first pays for what Java compiles: a small corpus, whose figures say nothing.
    for count in (_SMALL, *chosen.examples):
        with tempfile.TemporaryDirectory() as folder:
            night(start_spark, Path(folder), count, chosen.audits[:1] if count == _SMALL else chosen.audits)


def night(spark, folder: Path, count: int, names: Sequence[str]) -> None:
    """Prints, for each audit, the processor seconds of the whole corpus, of the night, and their ratio."""
    lake = Lake(folder / "touched")
    drops = [f"drop{n}" for n in range(10)]
    for n, drop in enumerate(drops):
        fill(lake, drop, count // 10, seed=n, corpus=count)
    fill(lake, "new", count // 100, seed=99, corpus=count)
    lake.append(IMAGES, lake.stage(IMAGES, pictured(count // 5), {}))
    embed(lake, "image", [digest("image", str(n)) for n in range(count // 5)], image_vectors(count // 5))
    embed(lake, "text", [text_id(query) for query in _QUERIES], text_vectors(_QUERIES))
    shutil.copytree(folder / "touched", folder / "whole")
    print(f"{count} examples: audit, whole CPU s, night CPU s, night / whole", flush=True)
    totals = np.zeros(2)
    for audit in audits_of(Scope.CORPUS):
        if audit.name in names:
            costs = of_audit(spark, folder, audit, [f"{drop}-0" for drop in drops])
            totals += costs
            print(f"{audit.name:24} {costs[0]:8.1f} {costs[1]:8.1f} {costs[1] / costs[0]:6.2f}", flush=True)
    print(f"{'all':24} {totals[0]:8.1f} {totals[1]:8.1f} {totals[1] / totals[0]:6.2f}", flush=True)


def of_audit(spark, folder: Path, audit: Audit, before: Sequence[str]) -> tuple[float, float]:
    """Processor seconds of the whole corpus, and of the night that follows on the one before."""
    measure = partial(measure_corpus, spark, audit=audit, settings=audit.settings, encoder=_ENCODER)
    measure(lake=Lake(folder / "touched"), deliveries=before, whole_days=7)
    spent = []
    for name, days in (("whole", 0), ("touched", 7)):
        with metered(folder) as cost:
            measure(lake=Lake(folder / name), deliveries=[*before, "new-0"], whole_days=days)
        spent.append(cost.cpu_s)
    return spent[0], spent[1]


def fill(lake: Lake, drop: str, count: int, *, seed: int, corpus: int) -> None:
    """A delivery: half of it SFT with two turns, a tenth prompts of RL, the rest preferences. About five examples of
    the corpus share an image; a tenth of the SFT examples say nearly the same about theirs."""
    rng = np.random.default_rng(seed)
    delivery = f"{drop}-0"
    staged: dict[str, list] = {spec.name: [] for spec in (EXAMPLES, DIALOGUES, TURNS, PREFERENCES, PROMPTS)}
    for start in range(0, count, _CHUNK):
        for spec, rows in made(rng, delivery, min(_CHUNK, count - start), corpus).items():
            staged[spec.name] += lake.stage(spec, rows, partition_of(spec, delivery))
            if spec is TURNS:
                texts = rows["response"].to_pylist()
                embed(lake, "text", [text_id(text) for text in texts], text_vectors(texts))
    for spec in (DIALOGUES, TURNS, PREFERENCES, PROMPTS, EXAMPLES):
        once = turns_of(delivery) if "rules" in spec.partition_by else delivery
        lake.commit(spec, staged.get(spec.name, []), once=once)
    record_embedded(lake, delivery, _ENCODER)


def partition_of(spec: TableSpec, delivery: str) -> dict[str, str | int]:
    return {name: {"delivery": delivery, "rules": TURN_RULES}[name] for name in spec.partition_by}


def made(rng: np.random.Generator, delivery: str, rows: int, corpus: int) -> dict[TableSpec, pa.Table]:
    """Rows of each table, whose keys are digests of numbers that stand for what would be said and shown."""
    ids = [rng.bytes(16).hex() for _ in range(rows)]
    images = [digest("image", str(n)) for n in rng.integers(0, corpus // 5, rows)]
    queries = [_QUERIES[n] for n in rng.integers(0, len(_QUERIES), rows)]
    kind = rng.choice(["sft", "prompt", "preference"], rows, p=[0.5, 0.1, 0.4]).tolist()
    shared = {"delivery": pa.repeat(delivery, rows), "example_id": pa.array(ids), "kind": pa.array(kind)}
    about = {
        name: [row[:3] for row in zip(ids, images, queries, kind, strict=True) if row[3] == name] for name in set(kind)
    }
    turned = turns(rng, delivery, about.get("sft", []))
    pairs, asked = judged(rng, delivery, about.get("preference", [])), prompts(rng, delivery, about.get("prompt", []))
    columns = shared | {
        "image_ids": pa.array([[image] for image in images]),
        "messages": messages(ids, turned, pairs, asked),
        "content_id": pa.array(ids),
        "source_id": pa.array(ids),
        "drop": pa.repeat(delivery, rows),
    }
    dialogues = shared | {"dialogue_key": pa.array(ids), "repairs": pa.array(np.zeros(rows), pa.int32())}
    return {
        EXAMPLES: table(EXAMPLES, columns, rows),
        DIALOGUES: table(DIALOGUES, dialogues | {"rules": pa.repeat(TURN_RULES, rows)}, rows),
        TURNS: turned,
        PREFERENCES: pairs,
        PROMPTS: asked,
    }


def turns(rng: np.random.Generator, delivery: str, about: Sequence[tuple[str, str, str]]) -> pa.Table:
    made_rows = []
    for example, image, query in about:
        words = np.random.default_rng(int(image[:8], 16)) if rng.random() < 0.1 else rng
        for turn, answer in enumerate(rng.integers(0, 6, 2).tolist()):
            numbers = words.integers(0, len(_WORDS), 15)
            numbers[0] = rng.integers(len(_WORDS))
            text = " ".join(_WORDS[n] for n in numbers)
            row = {"delivery": delivery, "rules": TURN_RULES, "example_id": example, "turn": turn, "dataset": "d"}
            row |= {"voter": example, "image_key": image, "query_key": digest(query), "query": query, "response": text}
            made_rows.append(
                row | {"response_key": digest(str(answer)), "answer_kind": "number", "answer": str(answer)}
            )
    return pa.Table.from_pylist(made_rows, schema=TURNS.schema)


def messages(ids: Sequence[str], turned: pa.Table, pairs: pa.Table, asked: pa.Table) -> pa.Array:
    """What each example says: its turns, a prompt, or a prompt and its two candidates."""
    by_example: dict[str, list[dict[str, Any]]] = {example: [] for example in ids}
    for rows in (turned, pairs, asked):
        for row in rows.to_pylist():
            spoken = by_example[row["example_id"]]
            if rows is turned or not spoken:
                spoken.append(message("user", row["query"]))
            if rows is not asked:
                spoken.append(message(row.get("label", "assistant"), row["response"]))
    return pa.array([by_example[example] for example in ids], EXAMPLES.schema.field("messages").type)


def message(role: str, text: str) -> dict[str, Any]:
    return {"role": role, "parts": [{"type": "text", "text": text, "image_id": None}]}


def judged(rng: np.random.Generator, delivery: str, about: Sequence[tuple[str, str, str]]) -> pa.Table:
    made_rows = []
    for example, image, query in about:
        left, right = (digest(str(n)) for n in rng.choice(6, 2, replace=False))
        texts = [" ".join(_WORDS[n] for n in rng.integers(0, len(_WORDS), 15)) for _ in range(2)]
        row = {"delivery": delivery, "example_id": example, "dataset": "d", "image_ids": [image], "query": query}
        row |= {"image_key": image, "query_key": digest(query), "annotator": None}
        for at, (label, keys) in enumerate((("chosen", (left, right)), ("rejected", (right, left)))):
            judged = {"label": label, "response": texts[at], "opponent": texts[1 - at]}
            judged |= {"response_key": keys[0], "opponent_key": keys[1], "judgement_id": digest(example, str(at))}
            made_rows.append(row | judged)
    return pa.Table.from_pylist(made_rows, schema=PREFERENCES.schema)


def prompts(rng: np.random.Generator, delivery: str, about: Sequence[tuple[str, str, str]]) -> pa.Table:
    made_rows = [
        {"delivery": delivery, "example_id": example, "dataset": "d", "image_ids": [image], "image_key": image}
        | {"query": query, "query_key": digest(query), "ground_truth": _WORDS[rng.integers(6)], "is_json": False}
        for example, image, query in about
    ]
    return pa.Table.from_pylist(made_rows, schema=PROMPTS.schema)


def text_vectors(texts: Sequence[str]) -> np.ndarray:
    """The sum of the vectors of the words of each text (n, d)."""
    words = np.random.default_rng(3).normal(size=(len(_WORDS), _WIDTH))
    places = {word: n for n, word in enumerate(_WORDS)}
    return np.stack([words[[places[word] for word in text.split() if word in places]].sum(axis=0) for text in texts])


def image_vectors(count: int) -> np.ndarray:
    """Of a thousand subjects (n, d); each two images are nearly the same."""
    rng = np.random.default_rng(2)
    subjects = rng.normal(size=(1000, _WIDTH))
    pairs = count // 2 + 1
    alike = subjects[rng.integers(len(subjects), size=pairs)] + rng.normal(size=(pairs, _WIDTH)) * 0.7
    return alike.repeat(2, axis=0)[:count] + rng.normal(size=(count, _WIDTH)) * 0.05


def embed(lake: Lake, modality: str, ids: Sequence[str], vectors: np.ndarray) -> None:
    rows = {"content_id": pa.array(ids), "vector": pa.array([row.tobytes() for row in unit(vectors).astype("<f2")])}
    partition = {"encoder": _ENCODER, "modality": modality}
    lake.append(EMBEDDINGS, lake.stage(EMBEDDINGS, pa.table(rows), partition))


def pictured(count: int) -> pa.Table:
    """The images, of which each two are alike: their perceptual hashes differ in one bit."""
    rng = np.random.default_rng(1)
    hashes = rng.integers(0, 2**63, count // 2 + 1).repeat(2)[:count] ^ (np.arange(count) % 2)
    columns = {
        "image_id": pa.array([digest("image", str(n)) for n in range(count)]),
        "perceptual_hash": pa.array([f"{value:016x}" for value in hashes.tolist()]),
        "colours": pa.repeat(bytes(FACT_BYTES), count),
    }
    return table(IMAGES, columns, count)


def table(spec: TableSpec, columns: Mapping[str, Any], rows: int) -> pa.Table:
    """The columns, and nulls for those that are not given."""
    nothing = {field.name: pa.nulls(rows, field.type) for field in spec.schema}
    filled = [(nothing | dict(columns))[field.name].cast(field.type) for field in spec.schema]
    return pa.table(filled, schema=spec.schema)


if __name__ == "__main__":
    main()
