"""Overrides of the gate on removals: who lets a version lose more of a group than of others, why, and until when."""

from dataclasses import dataclass
from datetime import UTC, datetime

from ops.core.errors import UnusableError
from ops.core.log import Log
from ops.core.version_schemas import OVERRIDES
from ops.text.text_groups import LANGUAGE, STYLE, TERMS
from resources.lake.tables import Lake

DATASET, PICTURES, RESOLUTION = "dataset", "pictures", "resolution"
FAMILIES = (LANGUAGE, PICTURES, RESOLUTION, STYLE, TERMS)
"""By what groups are told that are held to the limit; a dataset has a limit of its own, by its share."""


@dataclass(frozen=True, slots=True)
class Override:
    """A person lets the group of the family pass, until that time."""

    family: str
    group: str
    by: str
    why: str
    until: datetime

    @classmethod
    def of(cls, named: str, *, by: str, why: str, until: datetime) -> "Override":
        """From `family=group`. UnusableError where that, the signature or the reason is missing."""
        family, _, group = named.partition("=")
        if family not in FAMILIES or not group:
            raise UnusableError(f"{named!r:.60}: give FAMILY=GROUP, with one of {', '.join(FAMILIES)}")
        if not by.strip() or not why.strip():
            raise UnusableError("an override is signed and has a reason: give --by and --why")
        return cls(family, group, by.strip(), why.strip(), until)

    @property
    def words(self) -> str:
        """In one line."""
        return f"{self.by}, until {self.until:%Y-%m-%d}: {self.why}"


def overrides(lake: Lake, at: datetime | None = None) -> dict[tuple[str, str], Override]:
    """Those that hold at that time (now), by family and group: the last of each, if it has not run out."""
    moment = at or datetime.now(UTC)
    names = ("family", "group", "by", "why", "until")
    last = {
        (row["family"], row["group"]): Override(*(row[name] for name in names))
        for row in Log.of(lake.read(OVERRIDES)).rows
    }
    return {key: override for key, override in last.items() if override.until > moment}


def record_override(lake: Lake, override: Override) -> None:
    """Adds it to the log; one that ends now takes an earlier one back."""
    names = ("family", "group", "by", "why", "until")
    row = {name: getattr(override, name) for name in names} | {"at": datetime.now(UTC)}
    lake.log(OVERRIDES, lambda _: [row])
