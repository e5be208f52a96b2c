"""How a lake stands: each drop, whether it enters the next version, and what is left out of that and why."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ops.core.log import Log
from ops.core.schemas import DROPS
from ops.decision.versions import LeftOut
from resources.config.settings import Settings
from resources.intake.corpus_drops import last_of_drops
from resources.intake.old_readings import OldReading, old_readings
from resources.lake.tables import Lake
from resources.models.encoder_source import encoder_identity
from resources.versions.entering import current_deliveries, entering


@dataclass(frozen=True, slots=True)
class DropStanding:
    """A drop by its last delivery. `state` is in, or the state of what is left out (ops.decision.versions.LeftOut);
    `at` is when it entered it; `in_current` says whether any delivery of the drop is in the current version."""

    drop: str
    delivery: str
    state: str
    rows_in: int
    rows_kept: int
    rows_quarantined: int
    at: datetime
    source: str
    in_current: bool


@dataclass(frozen=True, slots=True)
class Standing:
    """The drops by name; what the next version leaves out, or waits for (`blocking`); and which of the drops an older
    reader read."""

    drops: tuple[DropStanding, ...]
    left_out: tuple[LeftOut, ...]
    blocking: tuple[LeftOut, ...]
    old_readings: tuple[OldReading, ...]


def standing(lake: Lake, settings: Settings) -> Standing:
    """How the lake stands under these settings."""
    following = entering(lake, settings=settings, encoder=encoder_identity(settings.encoder))
    kept_out = {one.delivery: one for one in (*following.left_out, *following.blocking) if not one.measures_only}
    log = Log.of(lake.read(DROPS))
    current = set(current_deliveries(lake))
    present = {row["drop"] for row in log.rows if row["delivery"] in current}
    drops = [_drop(row, kept_out, in_current=name in present) for name, row in sorted(last_of_drops(log).items())]
    return Standing(tuple(drops), following.left_out, following.blocking, tuple(old_readings(lake)))


def _drop(row: Mapping[str, Any], kept_out: Mapping[str, LeftOut], *, in_current: bool) -> DropStanding:
    reason = kept_out.get(row["delivery"])
    return DropStanding(
        drop=row["drop"],
        delivery=row["delivery"],
        state="in" if reason is None else reason.state,
        rows_in=row["rows_in"] or 0,
        rows_kept=row["rows_kept"] or 0,
        rows_quarantined=row["rows_quarantined"] or 0,
        at=row["at"],
        source=row["source"] or "",
        in_current=in_current,
    )
