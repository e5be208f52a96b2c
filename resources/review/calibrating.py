"""Labels of reviewers, taken into the lake, and what they tell of the version that was sampled."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from ops.core.errors import UnusableError
from ops.core.log import Log, Row
from ops.core.version_schemas import CALIBRATIONS, LABELS, SAMPLES
from ops.review.answers import Answer, AnswersError, read_answers
from ops.review.calibration import (
    Estimate,
    Labelled,
    fault_rate,
    promises,
    rule_accuracy,
    share,
    suggested_threshold,
    threshold_curve,
)
from ops.review.labels import LABELS as CHOICES
from ops.review.labels import agreed, kappas
from resources.lake.tables import Lake
from resources.review.taking import require_known
from resources.versions.agreed_labels import labels_by_reviewer

ANY_RULE = "any action"
"""What stands for a rule that flags whatever the version did not keep as it is."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """What the labels of a sample tell, as it is stored: `rows` are those of CALIBRATIONS. `labelled` of the `sampled`
    examples have a label that reviewers agree on."""

    sample: str
    version: int
    measure: str
    sampled: int
    labelled: int
    rows: tuple[Row, ...]


def take_labels(lake: Lake, paths: Sequence[Path]) -> str:
    """Takes the labels of these files into the lake and returns the sample that they are of. All are taken, or none.

    Raises AnswersError where a row is not understood, names no reviewer, or is about an example that the sample has
    not; UnusableError where the files are of several samples, or of one that the lake does not know.
    """
    answers = [(path, read_answers(path, column="label", choices=CHOICES)) for path in paths]
    names = {answer.sample for _, own in answers for answer in own}
    if len(names) != 1 or "" in names:
        raise UnusableError(
            f"{_named(paths)}: labels of one sample are wanted, but the column sample has {_names_text(names)}"
        )
    (sample,) = names
    known = set(lake.read(SAMPLES, where={"sample": sample}, columns=["example_id"])["example_id"].to_pylist())
    if not known:
        raise UnusableError(f"{_named(paths)}: this lake has no sample {sample!r:.40}; was it drawn of another lake?")
    for path, own in answers:
        _require_of_sample(path, own, known)
        require_known(lake, path, own)
    rows = [_label(sample, answer) for _, own in answers for answer in own]
    lake.log(LABELS, lambda log: _new(log, rows))
    return sample


def calibrate(lake: Lake, sample: str, *, target: float) -> Calibration:
    """Computes and records what all labels of the sample tell so far. `target` is the precision that a threshold of the
    sample's measure is suggested for. UnusableError where no example has a label that reviewers agree on."""
    drawn: list[Row] = lake.read(SAMPLES, where={"sample": sample}).to_pylist()
    by_reviewer = labels_by_reviewer(lake, sample)
    truth = agreed(by_reviewer)
    own = [row for row in drawn if row["example_id"] in truth]
    if not own:
        raise UnusableError(f"sample {sample}: no example has a label that reviewers agree on")
    labelled = _labelled(own, truth)
    figures = [*_rules(own, labelled), *_faults(labelled), *_threshold(labelled, drawn[0]["measure"], target)]
    figures += _promises(labelled, drawn[0]["measure"])
    for (reviewer, other), kappa in kappas(by_reviewer).items():
        estimate = Estimate(kappa.value, kappa.low, kappa.high, kappa.rows)
        figures.append(_figure("reviewers", f"{reviewer}, {other}", "kappa", estimate))
    of: Row = {"at": datetime.now(UTC), "version": drawn[0]["version"], "sample": sample}
    stored = lake.log(CALIBRATIONS, lambda _: [{**of, **figure} for figure in figures])
    return Calibration(sample, of["version"], drawn[0]["measure"], len(drawn), len(own), tuple(stored))


def _labelled(rows: Sequence[Row], truth: dict[str, bool]) -> Labelled:
    return Labelled(
        faulty=np.array([truth[row["example_id"]] for row in rows]),
        strata=np.array([row["stratum"] for row in rows]),
        of=np.array([row["stratum_rows"] for row in rows], dtype=np.float64),
        score=np.array([row["value"] for row in rows], dtype=np.float64),
        score_mean=np.array([row["stratum_mean"] for row in rows], dtype=np.float64),
    )


def _rules(rows: Sequence[Row], labelled: Labelled) -> list[Row]:
    names = sorted({rule for row in rows for rule in row["rules"]})
    flagged = {name: np.array([name in row["rules"] for row in rows]) for name in names}
    flagged[ANY_RULE] = np.array([row["action"] != "keep" for row in rows])
    figures: list[Row] = []
    for name, flags in flagged.items():
        accuracy = rule_accuracy(labelled, flags)
        figures.append(_figure("rule", name, "precision", accuracy.precision))
        figures.append(_figure("rule", name, "recall", accuracy.recall))
        figures.append(_figure("rule", name, "false_positive_rate", accuracy.false_positive_rate))
    return figures


def _faults(labelled: Labelled) -> list[Row]:
    every = np.ones(len(labelled.faulty), dtype=bool)
    return [
        _figure("faults", "labels alone", "rate", share(labelled, labelled.faulty, every)),
        _figure("faults", "labels and measure", "rate", fault_rate(labelled)[0]),
    ]


def _threshold(labelled: Labelled, measure: str, target: float) -> list[Row]:
    """The curve of rules on the measure alone, on the side on which the faulty lie, and the one that is suggested."""
    faulty, sound = (labelled.score[side] for side in (labelled.faulty, ~labelled.faulty))
    falls = _mean(faulty) < _mean(sound)
    curve = threshold_curve(replace(labelled, score=-labelled.score) if falls else labelled)
    best = suggested_threshold(curve, target=target)
    figures: list[Row] = []
    for subject, points in (("threshold", curve), ("suggested", [best] if best else [])):
        for value, precision, recall in points:
            name = f"{measure} <= {-value:.4g}" if falls else f"{measure} >= {value:.4g}"
            figures.append(_figure(subject, name, "precision", precision))
            figures.append(_figure(subject, name, "recall", recall))
    return figures


def _promises(labelled: Labelled, measure: str) -> list[Row]:
    """Whether the sample's measure comes true, where it is a probability."""
    if measure.rpartition(".")[2] != "probability":
        return []
    figures: list[Row] = []
    for promise in promises(labelled):
        broken = "" if promise.is_kept else ", which does not come true"
        name = f"{promise.low:g} to {promise.high:g}, {promise.mean:.3f} on average{broken}"
        figures.append(_figure("probability", name, "faulty", promise.faulty))
    return figures


def _mean(scores: np.ndarray) -> float:
    known = scores[np.isfinite(scores)]
    return float(known.mean()) if len(known) else 0.0


def _figure(subject: str, name: str, figure: str, estimate: Estimate) -> Row:
    figures = {column: getattr(estimate, column) for column in ("value", "low", "high")}
    numbers = {column: None if np.isnan(number) else number for column, number in figures.items()}
    return {"subject": subject, "name": name, "figure": figure, **numbers, "rows": estimate.rows}


def _label(sample: str, answer: Answer) -> Row:
    ids = {"sample": sample, "example_id": answer.example_id, "content_id": answer.content_id}
    return {**ids, "by": answer.by, "label": answer.value, "why": answer.why}


def _new(log: Log, rows: Sequence[Row]) -> list[Row]:
    """Those that say otherwise than the reviewer's last word on the example."""
    key = ("sample", "example_id", "by")
    last = {tuple(row[name] for name in key): (row["label"], row["why"]) for row in log.rows}
    now = datetime.now(UTC)
    fresh = [row for row in rows if last.get(tuple(row[name] for name in key)) != (row["label"], row["why"])]
    return [{**row, "at": now} for row in fresh]


def _require_of_sample(path: Path, answers: Sequence[Answer], known: set[str | None]) -> None:
    problems = [(one.row, "names no reviewer in the column by") for one in answers if not one.by]
    strange = [one for one in answers if one.example_id not in known]
    problems += [(one.row, f"the sample has no example {one.example_id!r:.40}") for one in strange]
    if problems:
        raise AnswersError.of(path, sorted(problems))


def _named(paths: Sequence[Path]) -> str:
    return ", ".join(map(str, paths))


def _names_text(names: set[str]) -> str:
    return ", ".join(repr(name) for name in sorted(names)) or "none: no row has a label"
