"""Who rates how well: models of the annotators of each source, fitted on votes of the whole corpus."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.pandas.types import from_arrow_schema

from ops.core.arrow import column_values
from ops.corpus.annotators import CLASS_WISE, MAJORITY, Annotators, chosen
from ops.corpus.groups import group_starts, whole_groups
from ops.corpus.reliability import EXPECTED, log_odds
from ops.corpus.votes import Votes

PAIRS, ALONE = "pairs", "alone"
"""What a source begins with: whether its subjects are pairs of responses, whose sides mean something else in each, or
responses on their own, which are good or bad."""
_SUBJECT = ["source_code", "subject"]
_VOTES = pa.schema([*((name, pa.int64()) for name in (*_SUBJECT, "code")), ("side", pa.bool_())])
_FIGURES = [(name, pa.float64()) for name in ("weight_yes", "weight_no")]
_SOURCES = pa.schema([("source", pa.string()), ("annotator_model", pa.string()), ("prior", pa.float64()), *_FIGURES])
_RATERS = pa.schema([("source", pa.string()), ("rater", pa.string()), ("reliability", pa.float64()), *_FIGURES])
#: Digits that are kept: the last ones of a sum depend on the machine.
_DIGITS = 9


@dataclass(frozen=True, slots=True)
class Reliability:
    """Of each source the model of its annotators, the log-odds of yes before any vote, and what a yes and a no of an
    annotator who is not named weigh (log-odds); of annotators whom the model tells apart, by source, how often they are
    right, and what their votes weigh. Rows of _SOURCES and _RATERS."""

    sources: tuple[tuple[str, str, float, float, float], ...] = ()
    raters: tuple[tuple[str, str, float, float, float], ...] = ()


def reliability_of(judged: DataFrame, *, fit_judgements: int) -> Reliability:
    """Models of the raters of `sided` judgements, source by source; empty where no annotator is named. About
    `fit_judgements` judgements are looked at, those of whole contexts, chosen by their hash."""
    if judged.where("is_named").isEmpty():
        return Reliability()
    every = max(1, judged.count() // max(1, fit_judgements))
    sample = judged.where((F.pmod("context", F.lit(every)) == 0) & ~F.col("is_identical"))
    codes = [F.xxhash64("source").alias("source_code"), F.xxhash64("rater").alias("code")]
    names = sample.select(*codes, "source", "rater").distinct().toArrow()
    rows = shared_votes(sample.select(*codes, F.xxhash64("context", "low_hash", "high_hash").alias("subject"), "side"))
    return fitted(rows.toArrow(), names)


def shared_votes(votes: DataFrame) -> DataFrame:
    """The votes (_VOTES) on subjects that several votes of their source are on, each once."""

    def several(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        return map(of_several, whole_groups(batches, _SUBJECT))

    apart = votes.repartition("subject").dropDuplicates().sortWithinPartitions(*_SUBJECT)
    return apart.select(*_VOTES.names).mapInArrow(several, from_arrow_schema(_VOTES))


def of_several(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Of votes (_VOTES) sorted by subject those on subjects that have more than one."""
    subject = np.cumsum(group_starts(batch, _SUBJECT)) - 1
    return batch.filter(pa.array((np.bincount(subject, minlength=1) > 1)[subject]))


def fitted(votes: pa.Table, names: pa.Table) -> Reliability:
    """The models of votes (_VOTES, in any order), given the names of the codes (source_code, code, source, rater)."""
    source, subject, code = (votes[name].to_numpy() for name in (*_SUBJECT, "code"))
    side = np.array(column_values(votes, "side", bool), dtype=bool)
    sources: list[tuple[str, str, float, float, float]] = []
    raters: list[tuple[str, str, float, float, float]] = []
    for name, known in sorted(_by_source(names).items()):
        own = np.flatnonzero(source == known.code)
        if not len(own):
            continue
        own = own[np.lexsort((side[own], known.places(code[own]), subject[own]))]
        subjects, at = np.unique(subject[own], return_inverse=True)
        cast = Votes(at, known.places(code[own]), side[own], len(subjects), len(known.raters))
        model = chosen(cast, has_classes=name.startswith(ALONE))
        sources.append((name, model.model, *_source_row(model)))
        raters += [] if model.model == MAJORITY else _rater_rows(name, known.raters, model)
    return Reliability(tuple(sources), tuple(raters))


@dataclass(frozen=True, slots=True)
class _Known:
    """The raters of a source in the order of their names, and their codes."""

    code: int
    raters: list[str]
    codes: np.ndarray

    def places(self, codes: np.ndarray) -> np.ndarray:
        """The place of each code's rater."""
        order = np.argsort(self.codes)
        return order[np.searchsorted(self.codes, codes, sorter=order)]


def _by_source(names: pa.Table) -> dict[str, _Known]:
    rows = sorted(zip(*(names[name].to_pylist() for name in ("source", "rater", "source_code", "code")), strict=True))
    by_source: dict[str, list[tuple[str, int, int]]] = {}
    for source, rater, source_code, code in rows:
        by_source.setdefault(source, []).append((rater, source_code, code))
    return {
        source: _Known(own[0][1], [rater for rater, _, _ in own], np.array([code for _, _, code in own]))
        for source, own in by_source.items()
    }


def _source_row(model: Annotators) -> tuple[float, float, float]:
    """Log-odds before any vote, and what votes of an unknown rater weigh. Only where sides mean something does it count
    how often either is so: the majority knows nothing of it."""
    if model.model == CLASS_WISE:
        for_yes, for_no = model.of_all.weights
        return _round(model.prior_odds), _round(for_yes[0]), _round(for_no[0])
    weight = _round(model.weights[0][0] if model.model == MAJORITY else log_odds(EXPECTED))
    return 0.0, weight, weight


def _rater_rows(source: str, names: list[str], model: Annotators) -> list[tuple[str, str, float, float, float]]:
    for_yes, for_no = model.weights
    figures = zip(names, model.reliability, for_yes, for_no, strict=True)
    return [(source, name, _round(right), _round(yes), _round(no)) for name, right, yes, no in figures]


def _round(figure: float) -> float:
    return round(float(figure), _DIGITS)


def source_table(spark: SparkSession, reliability: Reliability) -> DataFrame:
    """`source`, its `annotator_model`, the `prior` log-odds of yes, and the weights of a vote of whom it does not
    know."""
    return spark.createDataFrame(list(reliability.sources), from_arrow_schema(_SOURCES))


def rater_table(spark: SparkSession, reliability: Reliability) -> DataFrame:
    """`source`, `rater`, `reliability`, and the weights of a yes and of a no."""
    return spark.createDataFrame(list(reliability.raters), from_arrow_schema(_RATERS))
