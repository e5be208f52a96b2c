"""What would a trainer do with this row?

For each trainer that `trainers` names (none by default: then nothing is measured), one row an example: whether the
trainer reads it, cuts it, resizes its pictures, drops it, replaces it by another row, or stops at it, by the rules of
`ops.preflight`, which were read from the trainers' own sources (docs/preflight.md). It forecasts what the trainer makes
of an export of the example; what ingest set aside is not here (`assay preflight DROP` speaks of that).

- `outcome`: `read`, `resized`, `truncated`, `replaced`, `dropped`, `crashed`, `left_out` where its export does not hold
  the example, or `unknown` where the rules do not cover it, as several rated answers are here. `reason` is a code of
  `ops.preflight.reasons`, empty where there is nothing to say.
- `tokens`, `answer_tokens`, `image_tokens`: of the whole sequence, before a cut; null where it is never laid out. By
  the tokenizer that the trainer's limits name, else a rough count.
- `tokens_lost`, `answer_tokens_lost`, `image_tokens_lost`: what a cut removes.
- `resized`: pictures that the model sees at less than 0.9 or more than 1.1 times their size. `boxes_moved`: the example
  names pixels of a picture that has another size by then.
"""

from dataclasses import dataclass, field

import pyarrow as pa

from ops.audits.contract import KEYS, Audit, Grain, Scope
from ops.audits.ranges import COUNT, column
from ops.core.arrow import array_of
from ops.core.arrow_types import fields
from ops.evidence.inputs import RowInputs
from ops.evidence.picture_table import PictureTable
from ops.preflight.contract import UNKNOWN_STATE, Picture
from ops.preflight.examples import pixel_scales, rows_of
from ops.preflight.forecast import forecast_rows
from ops.preflight.limits import Limits
from ops.preflight.pictures import stored_picture
from ops.preflight.registry import limits_of, trainer_of
from ops.text.tokens import counter, stamp

COLUMNS = pa.schema(
    [
        column("outcome", pa.string()),
        column("reason", pa.string()),
        column("tokens", pa.int64(), COUNT),
        column("answer_tokens", pa.int64(), COUNT),
        column("image_tokens", pa.int64(), COUNT),
        column("tokens_lost", pa.int64(), COUNT),
        column("answer_tokens_lost", pa.int64(), COUNT),
        column("image_tokens_lost", pa.int64(), COUNT),
        column("resized", pa.int32(), COUNT),
        column("boxes_moved", pa.bool_()),
    ]
)


@dataclass(frozen=True, slots=True)
class PreflightSettings:
    """`audits.preflight` in assay.yaml."""

    trainers: dict[str, dict[str, int | str | None]] = field(default_factory=dict)
    """Limits (ops.preflight.limits.Limits) by the trainer's name; empty for those of the trainer and its model."""
    stamps: tuple[str, ...] = ()
    """Filled in from the tokenizers' files, so that other ones count anew; not to be set."""

    def __post_init__(self) -> None:
        read_stamps = tuple(stamp(limits.tokenizer) for limits in self.limits().values())
        object.__setattr__(self, "stamps", read_stamps)

    def limits(self) -> dict[str, Limits]:
        """The limits that hold, by trainer. UnusableError where some cannot."""
        return {name: limits_of(trainer_of(name), given, f"trainers.{name}") for name, given in self.trainers.items()}


def measure(inputs: RowInputs, settings: PreflightSettings) -> pa.Table:
    """The forecast of each example for each trainer."""
    examples = inputs.examples
    pictures = _Pictures(inputs.pictures)
    tables = [AUDIT.schema.empty_table()]
    for (name, limits), stamped in zip(settings.limits().items(), settings.stamps, strict=True):
        trainer = trainer_of(name)
        rows = rows_of(examples, pictures, trainer, pixel_scales(inputs.boxes, trainer))
        forecasts = forecast_rows(trainer, rows, limits, counter(limits.tokenizer, stamped))
        keys = [examples[key] for key in KEYS[Grain.EXAMPLE].names]
        columns = [
            array_of(_plain([getattr(forecast, measured.name) for forecast in forecasts]), measured.type)
            for measured in fields(COLUMNS)
        ]
        tables.append(pa.table([*keys, pa.repeat(name, len(rows)), *columns], schema=AUDIT.schema))
    return pa.concat_tables(tables)


def _plain(values: list[object]) -> list[object]:
    return [str(value) if isinstance(value, str) else value for value in values]


class _Pictures:
    """The pictures of a table, by id; what it lacks is of an unknown state."""

    def __init__(self, table: PictureTable) -> None:
        self._table = table

    def __call__(self, image_id: str) -> Picture:
        at = int(self._table.places([image_id])[0])
        return stored_picture(*self._table.sizes[at].tolist()) if at >= 0 else Picture(state=UNKNOWN_STATE)


AUDIT = Audit(
    name="preflight",
    title="What a trainer would not read as it stands",
    grain=Grain.FORECAST,
    scope=Scope.ROW,
    columns=COLUMNS,
    measure=measure,
    settings=PreflightSettings(),
    uses_pictures=True,
    uses_boxes=True,
    revision=3,
)
