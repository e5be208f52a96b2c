"""Forecasts over the rows of a lake, read in batches: of a version, or of what a drop delivered last.

What is held: the version's ids, the sizes of the pictures (44 bytes each), one batch of rows, and the counts.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from ops.core.arrow import column_of
from ops.core.errors import UnusableError
from ops.core.schemas import BOXES, EXAMPLES, IMAGES, QUARANTINE
from ops.core.version_schemas import CURATED
from ops.preflight.contract import Row, Trainer
from ops.preflight.examples import BOX_COLUMNS, READ, pixel_scales, rows_of
from ops.preflight.forecast import forecast_rows
from ops.preflight.limits import Limits
from ops.preflight.pictures import COLUMNS as PICTURE_COLUMNS
from ops.preflight.pictures import PictureSizes
from ops.preflight.registry import limits_of, trainer_of
from ops.preflight.tally import Tallies, Tally
from ops.text.tokens import Counter, counter, stamp
from resources.engines.progress import Progress
from resources.intake.admission import last_delivery
from resources.lake.lookup import KeyIndex, one_each
from resources.lake.tables import Lake
from resources.preflight.aside import FilesOfDrop, as_delivered
from resources.preflight.ranking import ranked_answers
from resources.versions.publishing import version_of

_BATCH_ROWS = 4096
_COLUMNS = (*READ, "drop", "provenance")


@dataclass(frozen=True, slots=True)
class Preflight:
    """What a trainer would do with the rows of a version or of a drop."""

    subject: str
    trainer: Trainer
    limits: Limits
    rows: int
    tallies: tuple[Tally, ...]
    aside: int
    """Rows of the drop that ingest set aside."""
    aside_tallies: tuple[Tally, ...]
    """What the trainer would do with those in the drop's own files."""

    @property
    def is_estimate(self) -> bool:
        """Whether tokens were counted without the model's tokenizer."""
        return not self.limits.tokenizer

    def count(self, *outcomes: str) -> int:
        """Rows with one of these outcomes."""
        return sum(tally.rows for tally in self.tallies if tally.outcome in outcomes)


@dataclass(frozen=True, slots=True)
class _Forecaster:
    trainer: Trainer
    limits: Limits
    count: Counter

    def add(self, tallies: Tallies, rows: list[Row], origins: list[str]) -> None:
        tallies.add(rows, forecast_rows(self.trainer, rows, self.limits, self.count), origins)


def preflight_version(
    lake: Lake, number: int, *, trainer: str, given: Mapping[str, Any], where: str, progress: Progress
) -> Preflight:
    """The forecast of each example of a version, as its export holds it. Copies by weight count once."""
    forecaster = _forecaster(trainer, given, where)
    version = version_of(lake, number)
    ids = lake.read(CURATED, where={"version": number}, columns=["example_id"])["example_id"]
    members = KeyIndex(ids)

    def of_version(batch: pa.RecordBatch) -> pa.RecordBatch:
        return batch.filter(pa.array(members.positions(column_of(batch, "example_id")) >= 0))

    scope = {"delivery": list(version.row["deliveries"] or ())}
    tallies = _of_examples(lake, scope, forecaster, total=len(ids), choose=of_version, progress=progress)
    return _result(f"version {number}", forecaster, tallies, Tallies())


def preflight_drop(
    lake: Lake, drop: str, *, trainer: str, given: Mapping[str, Any], where: str, progress: Progress
) -> Preflight:
    """The forecast of each example that the drop delivered last, as an export would hold it, and of the records that
    ingest set aside, as they stand in the drop's files. MissingError where the drop was never ingested."""
    forecaster = _forecaster(trainer, given, where)
    scope = {"delivery": last_delivery(lake, drop)}
    tallies = _of_examples(lake, scope, forecaster, total=0, choose=lambda batch: batch, progress=progress)
    return _result(f"drop {drop}", forecaster, tallies, _of_quarantine(lake, scope, forecaster, drop))


def _forecaster(trainer: str, given: Mapping[str, Any], where: str) -> _Forecaster:
    chosen = trainer_of(trainer)
    limits = limits_of(chosen, given, where)
    return _Forecaster(chosen, limits, counter(limits.tokenizer, stamp(limits.tokenizer)))


def _of_examples(
    lake: Lake,
    scope: Mapping[str, object],
    forecaster: _Forecaster,
    *,
    total: int,
    choose: Callable[[pa.RecordBatch], pa.RecordBatch],
    progress: Progress,
) -> Tallies:
    tallies = Tallies()
    boxes = lake.read(BOXES, where=scope, columns=list(BOX_COLUMNS))
    scales = pixel_scales(boxes, forecaster.trainer)
    sizes = PictureSizes(one_each(lake.read(IMAGES, columns=list(PICTURE_COLUMNS)), "image_id"))
    with progress.track(f"Forecast {forecaster.trainer.name}", total) as advance:
        for batch in lake.batches(EXAMPLES, where=scope, columns=list(_COLUMNS), batch_rows=_BATCH_ROWS):
            examples = pa.Table.from_batches([choose(batch)])
            image_ids = [image for images in examples["image_ids"].to_pylist() for image in images or ()]
            pictures = sizes.of(image_ids)
            ranked = ranked_answers(lake, examples, scope)
            rows = rows_of(examples, pictures.__getitem__, forecaster.trainer, scales, ranked)
            forecaster.add(tallies, rows, list(_origins(examples)))
            advance(examples.num_rows)
    return tallies


def _origins(examples: pa.Table) -> Iterator[str]:
    for drop, origin in zip(examples["drop"].to_pylist(), examples["provenance"].to_pylist(), strict=True):
        yield f"{drop}: {origin['file']}, row {origin['row']}" if origin else str(drop)


def _of_quarantine(lake: Lake, scope: Mapping[str, object], forecaster: _Forecaster, drop: str) -> Tallies:
    tallies = Tallies()
    files = FilesOfDrop(lake, drop)
    columns = ["file", "row", "source_id", "reason", "raw"]
    for batch in lake.batches(QUARANTINE, where=scope, columns=columns, batch_rows=_BATCH_ROWS):
        records = batch.to_pylist()
        origins = [f"{record['file']}, row {record['row']}: {record['reason']}" for record in records]
        forecaster.add(tallies, [as_delivered(record, files) for record in records], origins)
    return tallies


def _result(subject: str, forecaster: _Forecaster, tallies: Tallies, aside: Tallies) -> Preflight:
    if not tallies.rows and not aside.rows:
        raise UnusableError(f"{subject} has no rows; there is nothing to forecast")
    return Preflight(
        subject=subject,
        trainer=forecaster.trainer,
        limits=forecaster.limits,
        rows=tallies.rows,
        tallies=tuple(tallies.worst_first()),
        aside=aside.rows,
        aside_tallies=tuple(aside.worst_first()),
    )
