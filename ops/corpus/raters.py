"""Who rates how well: models of the annotators of each source, fitted on votes of the whole corpus."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.pandas.types import from_arrow_schema

from ops.core.arrow import column_values
from ops.corpus.annotators import CLASS_WISE, MAJORITY, Fitted, chosen
from ops.corpus.glad import Glad
from ops.corpus.groups import group_starts, whole_groups
from ops.corpus.reliability import EXPECTED, log_odds
from ops.corpus.votes import Votes

PAIRS, ALONE = "pairs", "alone"
"""What a source begins with: whether its subjects are pairs of responses, whose sides mean something else in each, or
responses on their own, which are good or bad."""
_SUBJECT = ["source_code", "subject"]
_VOTES = pa.schema([*((name, pa.int64()) for name in (*_SUBJECT, "code")), ("side", pa.bool_())])
_FIGURES = [(name, pa.float64()) for name in ("weight_yes", "weight_no", "doubt")]
_OF_SOURCE = [("annotator_model", pa.string()), ("prior", pa.float64()), ("hard_odds", pa.float64())]
_SOURCES = pa.schema([("source", pa.string()), *_OF_SOURCE, *_FIGURES])
_RATERS = pa.schema([("source", pa.string()), ("rater", pa.string()), ("reliability", pa.float64()), *_FIGURES])
#: Digits that are kept: the last ones of a sum depend on the machine.
_DIGITS = 9

Figures = tuple[float, float, float | None]
SourceRow = tuple[str, str, float, float | None, float, float, float | None]
RaterRow = tuple[str, str, float, float, float, float | None]


@dataclass(frozen=True, slots=True)
class Reliability:
    """Of each source the model of its annotators, the log-odds of yes before any vote and that a subject is hard, and
    what a yes and a no of an annotator who is not named weigh (log-odds), and add to those that it is hard; of
    annotators whom the model tells apart, by source, how often they are right, and the same. Rows of _SOURCES and
    _RATERS: what is hard is null but under `glad`."""

    sources: tuple[SourceRow, ...] = ()
    raters: tuple[RaterRow, ...] = ()


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
    sources: list[SourceRow] = []
    raters: list[RaterRow] = []
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


def _source_row(model: Fitted) -> tuple[float, float | None, float, float, float | None]:
    """Log-odds before any vote, and what votes of an unknown rater weigh. Only where sides mean something does it count
    how often either is so: the majority knows nothing of it."""
    if isinstance(model, Glad):
        return 0.0, _round(model.hard_odds), *_figures(model.of_all)[0]
    if model.model == CLASS_WISE:
        return _round(model.prior_odds), None, *_figures(model.of_all)[0]
    weight = _round(model.weights[0][0] if model.model == MAJORITY else log_odds(EXPECTED))
    return 0.0, None, weight, weight, None


def _rater_rows(source: str, names: list[str], model: Fitted) -> list[RaterRow]:
    rows = zip(names, model.reliability, _figures(model), strict=True)
    return [(source, name, _round(right), *figures) for name, right, figures in rows]


def _figures(model: Fitted) -> list[Figures]:
    """What a yes and a no of each annotator weigh, and add to the log-odds that the subject is hard."""
    for_yes, for_no = model.weights
    doubts = map(_round, model.doubts) if isinstance(model, Glad) else [None] * len(for_yes)
    return list(zip(map(_round, for_yes), map(_round, for_no), doubts, strict=True))


def _round(figure: float) -> float:
    return round(float(figure), _DIGITS)


def source_table(spark: SparkSession, reliability: Reliability) -> DataFrame:
    """`source`, its `annotator_model`, the log-odds before any vote of yes (`prior`) and of being hard (`hard_odds`),
    and the weights and `doubt` of a vote of whom it does not know."""
    return spark.createDataFrame(list(reliability.sources), from_arrow_schema(_SOURCES))


def rater_table(spark: SparkSession, reliability: Reliability) -> DataFrame:
    """`source`, `rater`, `reliability`, the weights of a yes and of a no, and the `doubt` of either."""
    return spark.createDataFrame(list(reliability.raters), from_arrow_schema(_RATERS))
