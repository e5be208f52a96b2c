"""Admitted deliveries that an older reader read: their rows could be mistaken, so that they are to be read again."""

from dataclasses import dataclass

from ops.core.log import Log
from ops.core.schemas import DROPS
from ops.intake.reading import is_older
from resources.intake.corpus_drops import last_admitted
from resources.intake.drop_folders import still_holds
from resources.lake.file_counts import file_counts
from resources.lake.tables import Lake


@dataclass(frozen=True, slots=True)
class OldReading:
    """An admitted delivery that an older reader read. `source` is the folder of its files; `readable` says whether that
    still has them, by their names, so that it can be read again."""

    drop: str
    delivery: str
    source: str
    readable: bool

    @property
    def line(self) -> str:
        """What it is, and what to do."""
        where = f" ({self.source})" if self.source else ""
        return (
            f"drop {self.drop!r} was read by an older reader (rows could be mistaken, e.g. judged answers for "
            f"targets): run it again with its folder{where}"
        )


def old_readings(lake: Lake) -> list[OldReading]:
    """The drops whose admitted delivery an older reader read, in order of names."""
    log = Log.of(lake.read(DROPS))
    present = log.last_by("delivery")
    arrivals = log.where(state="arrived").last_by("drop")
    mistaken = {drop: each for drop, each in last_admitted(log).items() if is_older(present[each]["reading"])}
    counts = file_counts(lake, mistaken.values()) if mistaken else {}
    old: list[OldReading] = []
    for drop, delivery in mistaken.items():
        row = present[delivery]
        names = [file["file"] for file in counts.get(delivery, ())]
        # Read again, it would be the drop's last delivery: not where one came after it.
        readable = (
            drop in arrivals and arrivals[drop]["delivery"] == delivery and still_holds(row["source"] or "", names)
        )
        old.append(OldReading(drop, delivery, row["source"] or "", readable))
    return old
