"""How long work would take, going by earlier runs that Dagster's records tell of."""

from collections.abc import Sequence
from dataclasses import dataclass

import dagster as dg

from resources.status.backfill import DropWork

_RUNS = 20


@dataclass(frozen=True, slots=True)
class Rates:
    """Contents embedded a second, and examples measured a second by all audits, in earlier runs, their start included;
    None where no run tells."""

    embedded: float | None
    measured: float | None

    def seconds(self, works: Sequence[DropWork]) -> float | None:
        """How long this would take; None where no earlier run tells."""
        contents = sum(work.images + work.texts for work in works)
        examples = sum(work.examples for work in works if work.audits)
        if (contents and not self.embedded) or (examples and not self.measured):
            return None
        return (contents / self.embedded if self.embedded else 0.0) + (examples / self.measured if self.measured else 0)


def rates(instance: dg.DagsterInstance) -> Rates:
    """The rates of the last runs that had work to do."""
    embedded = [_figure(made, "rows_per_s") for made in _materialized(instance, "embeddings")]
    return Rates(next((rate for rate in embedded if rate), None), _measured(instance))


def _measured(instance: dg.DagsterInstance) -> float | None:
    for made in _materialized(instance, "measures_modality"):
        rows, seconds = _figure(made, "rows measured now"), _figure(made, "seconds")
        if rows and seconds:
            return rows / seconds
    return None


def _materialized(instance: dg.DagsterInstance, asset: str) -> Sequence[dg.EventLogRecord]:
    """The asset's last materializations, newest first."""
    return instance.fetch_materializations(dg.AssetKey(asset), limit=_RUNS).records


def _figure(record: dg.EventLogRecord, name: str) -> float:
    made = record.asset_materialization
    value = made.metadata[name].value if made and name in made.metadata else 0
    return float(value) if isinstance(value, int | float) else 0.0
