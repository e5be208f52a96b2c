"""How much each SFT answer reads like what preference data chose or rejected."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial, reduce
from typing import Protocol

import numpy as np
import pyarrow as pa
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.pandas.types import from_arrow_schema

from ops.core.accuracy import auroc
from ops.core.arrow import AnyArray, batch_of, cast_to, column_of, column_values, nullable_values, numpy_values
from ops.core.arrow_types import type_in
from ops.core.canonical import image_key
from ops.core.identity import fingerprint
from ops.corpus.links import Links, State, keyed
from ops.corpus.tables import CorpusTables
from ops.text.fingerprints import Features, Linear, fit_linear, style_of, words_of

_FOLDS = 4
_READERS = {"words": words_of, "style": style_of}
_SCORES = pa.schema(
    [
        ("delivery", pa.string()),
        ("example_id", pa.string()),
        ("turn", pa.int32()),
        ("rejected_probability", pa.float64()),
        ("style_probability", pa.float64()),
        ("auroc", pa.float64()),
        ("style_auroc", pa.float64()),
        ("auroc_of", pa.string()),
    ]
)


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """For each reader (words, style) a classifier for each fold, fitted on the others; and how well those tell chosen
    from rejected responses that they have not seen, by dataset ("" for all), as AUROC."""

    models: dict[str, list[Linear]]
    aurocs: dict[str, dict[str, float | None]]


class LikenessSettings(Protocol):
    """What the classifiers are fitted by."""

    fit_responses: int
    fewest_responses: int


def _links(tables: CorpusTables, settings: LikenessSettings) -> dict[str, DataFrame]:
    # An answer is judged by the classifiers alone, whatever stands beside it.
    return {"turns": keyed(tables["turns"])}


def _classifiers(tables: CorpusTables, settings: LikenessSettings) -> State:
    """Of the corpus's preference data, named after what they were fitted on."""
    rows = _sides(tables["preferences"], tables["arrivals"], settings.fit_responses).toArrow()
    return State(_fitted(rows, settings.fewest_responses), fingerprint(rows.to_pylist()))


LINKS = Links("turns", _links, state=_classifiers)


def fingerprints(
    turns: DataFrame,
    preferences: DataFrame,
    arrivals: DataFrame,
    *,
    fit_responses: int,
    fewest_responses: int,
    state: State | None = None,
) -> DataFrame:
    """Each SFT turn with the probabilities of being a rejected response (columns of the audit); null where there are
    fewer than `fewest_responses` of either side to learn from."""
    known = state.value if state else _fitted(_sides(preferences, arrivals, fit_responses).toArrow(), fewest_responses)
    read = turns.withColumn("fold", _fold()).select("delivery", "example_id", "turn", "dataset", "response", "fold")
    return read.mapInArrow(partial(_scored, known=known), from_arrow_schema(_SCORES))


def _fold() -> Column:
    """What is about one image lies in one fold; without an image, what answers one query."""
    group = F.when(F.col("image_key") == image_key([]), F.col("query_key")).otherwise(F.col("image_key"))
    return F.pmod(F.xxhash64(group), F.lit(_FOLDS)).cast("int").alias("fold")


def _sides(preferences: DataFrame, arrivals: DataFrame, fit_responses: int) -> DataFrame:
    """Responses on one side only, at most `fit_responses` of each side, chosen by their hash."""
    is_bad = F.col("label").isin("rejected", "bad")
    once = (
        _first(preferences, arrivals, fit_responses)
        .where("label IS NOT NULL AND trim(response) != ''")
        .groupBy("image_key", "query_key", "response_key", "dataset")
        .agg(F.max(is_bad).alias("is_bad"), F.min(is_bad).alias("is_all_bad"), F.min("response").alias("response"))
        .where("is_bad = is_all_bad")
    )
    drawn = F.xxhash64("image_key", "query_key", "response_key")
    sides = [
        once.where(side).orderBy(drawn, "response_key", "image_key", "query_key", "dataset").limit(fit_responses)
        for side in ("is_bad", "NOT is_bad")
    ]
    return sides[0].unionByName(sides[1]).select("response", "dataset", "is_bad", _fold())


def _first(preferences: DataFrame, arrivals: DataFrame, fit_responses: int) -> DataFrame:
    """Of each dataset the judgements of the deliveries that came first, so many that they hold twice `fit_responses` of
    either side: what comes later leaves the classifiers as they are."""
    bad = F.col("label").isin("rejected", "bad")
    dataset = F.coalesce("dataset", F.lit(""))
    sides = F.count_if(bad).alias("bad"), F.count_if(~bad).alias("good")
    counts = preferences.groupBy("delivery", dataset.alias("of")).agg(*sides).join(arrivals, "delivery")
    ordered = counts.orderBy("arrival").toArrow()
    held: dict[str, tuple[int, int]] = {}
    wanted: dict[str, list[str]] = {}
    names = zip(*(column_values(ordered, name, str) for name in ("delivery", "of")), strict=True)
    numbers = zip(*(column_values(ordered, name, int) for name in ("bad", "good")), strict=True)
    for (delivery, name), (n_bad, n_good) in zip(names, numbers, strict=True):
        before = held.get(name, (0, 0))
        if min(before) < 2 * fit_responses:
            held[name] = before[0] + n_bad, before[1] + n_good
            wanted.setdefault(delivery, []).append(name)
    kept = [(F.col("delivery") == delivery) & dataset.isin(among) for delivery, among in wanted.items()]
    return preferences.where(reduce(Column.__or__, kept, F.lit(False)))


def _fitted(rows: pa.Table, fewest: int) -> Fingerprint | None:
    is_bad, fold = numpy_values(rows["is_bad"]), numpy_values(rows["fold"])
    if min(is_bad.sum(), (~is_bad).sum()) < fewest:
        return None
    datasets = np.array([name or "" for name in nullable_values(rows, "dataset", str)])
    texts = nullable_values(rows, "response", str)
    models: dict[str, list[Linear]] = {}
    aurocs: dict[str, dict[str, float | None]] = {}
    for name, reader in _READERS.items():
        features = reader(texts)
        models[name] = [fit_linear(features.of(fold != n), is_bad[fold != n]) for n in range(_FOLDS)]
        score = _probability(models[name], features, fold)
        within = {"": np.ones(len(fold), dtype=bool)} | {
            dataset: datasets == dataset for dataset in sorted({*datasets.tolist()} - {""})
        }
        aurocs[name] = {dataset: auroc(score[rows & is_bad], score[rows & ~is_bad]) for dataset, rows in within.items()}
    return Fingerprint(models, aurocs)


def _probability(models: list[Linear], features: Features, fold: np.ndarray) -> np.ndarray:
    """Of each text by the model that has seen nothing of its fold."""
    probabilities = np.zeros(len(fold))
    for n, model in enumerate(models):
        probabilities[fold == n] = model.probability(features.of(fold == n))
    return probabilities


def _scored(batches: Iterable[pa.RecordBatch], *, known: Fingerprint | None) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        columns: dict[str, AnyArray] = {name: column_of(batch, name) for name in ("delivery", "example_id", "turn")}
        nothing = pa.nulls(batch.num_rows)
        columns |= dict.fromkeys(_SCORES.names[3:], nothing) if known is None else _fingerprint_columns(batch, known)
        yield batch_of([cast_to(columns[name], type_in(_SCORES, name)) for name in _SCORES.names], _SCORES)


def _fingerprint_columns(batch: pa.RecordBatch, known: Fingerprint) -> dict[str, AnyArray]:
    texts, fold = nullable_values(batch, "response", str), numpy_values(column_of(batch, "fold"))
    scores = {name: _probability(known.models[name], read(texts), fold) for name, read in _READERS.items()}
    # A dataset with both preference and SFT data answers for itself; the others go by all preference data.
    of = [
        name if known.aurocs["words"].get(name or "") is not None else ""
        for name in nullable_values(batch, "dataset", str)
    ]
    by = {name: pa.array([known.aurocs[name][dataset or ""] for dataset in of], pa.float64()) for name in _READERS}
    return {
        "rejected_probability": pa.array(np.round(scores["words"], 6)),
        "style_probability": pa.array(np.round(scores["style"], 6)),
        "auroc": by["words"],
        "style_auroc": by["style"],
        "auroc_of": pa.array([dataset or None for dataset in of], pa.string()),
    }
