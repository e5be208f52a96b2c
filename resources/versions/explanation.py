"""Why: everything that the lake knows of one example."""

from dataclasses import dataclass, field
from pathlib import Path

from ops.audits.registry import all_audits
from ops.core.errors import AssayError, MissingError
from ops.core.log import Log, Row
from ops.core.schemas import DROPS, EXAMPLES, IMAGES, PREFERENCES
from ops.core.version_schemas import CURATED, CURRICULUM, VERDICTS
from ops.decision.version_diff import Pins
from ops.decision.versions import Version
from resources.lake.tables import Lake
from resources.versions.canary_chances import chances_of_example, version_chances
from resources.versions.person_decisions import decided_on
from resources.versions.publishing import versions

_MEMBER = ("weight", "soft_label")
"""What membership adds to the verdict; the target mix may have changed the weight."""
MOST_LISTED = 5
"""How many examples a message names."""
_KEYS = ("delivery", "example_id", "identity")


class AmbiguousError(AssayError, LookupError):
    """A name that several examples bear."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """One example: `current`, the version that is current, whether or not it judged this example; `examples`, a row for
    each delivery that holds it; `judgements`, its rows of `preferences`; `measures`, by audit, each row with `used_by`,
    the versions that used it; `versions`, one entry a version that judged it: version, state, current, action, weight,
    reasons, and where it is a member soft_label and places (stage and position); `deliveries`, the state of each
    delivery; `decisions`, what persons decided on it or on other contents of its row, each with its `state`; `chances`,
    by audit, what canaries tell of it (canary_chances.py), by the measures of the version that counts."""

    example_id: str
    current: int | None
    examples: list[Row]
    judgements: list[Row]
    measures: dict[str, list[Row]]
    versions: list[Row]
    deliveries: dict[str, str]
    decisions: list[Row] = field(default_factory=list[Row])
    chances: dict[str, Row] = field(default_factory=dict[str, Row])

    @property
    def judged(self) -> Row | None:
        """Its entry in `versions` that counts."""
        return _counting(self.versions)

    def measures_of(self, judged: Row | None) -> dict[str, list[Row]]:
        """The measures that this version used; where none has judged the example, those there are."""
        if judged is None:
            return self.measures
        used = {a: [row for row in rows if judged["version"] in row["used_by"]] for a, rows in self.measures.items()}
        return {audit: rows for audit, rows in used.items() if rows}

    @property
    def image_ids(self) -> list[str]:
        """Its pictures, each once."""
        listed: list[list[str] | None] = [example["image_ids"] for example in self.examples]
        return list(dict.fromkeys(image for images in listed for image in images or []))


def why(lake: Lake, name: str) -> Explanation:
    """Everything known of the example of that id, or of the one raw row of that source id.

    Raises MissingError where there is none, AmbiguousError where several examples share the source id.
    """
    rows = lake.read(EXAMPLES, where={"example_id": name}).to_pylist() or _by_source(lake, name)
    example = rows[0]["example_id"]
    of_example = {"example_id": example}
    known = versions(lake)
    states = Log.of(lake.read(DROPS)).last_by("delivery")
    deliveries = {row["delivery"] for row in rows}
    judged_by = _memberships(lake, example, known)
    counting = _counting(judged_by)
    return Explanation(
        example_id=example,
        current=next((version.number for version in known if version.current), None),
        examples=rows,
        judgements=lake.read(PREFERENCES, where=of_example).to_pylist(),
        measures=_measures(lake, example, known),
        versions=judged_by,
        deliveries={name: row["state"] for name, row in states.items() if name in deliveries},
        decisions=decided_on(lake, example, [(row["drop"], row["source_id"]) for row in rows]),
        chances={} if counting is None else _chances(lake, example, deliveries, known, counting["version"]),
    )


def _counting(judged_by: list[Row]) -> Row | None:
    """Of the versions that judged an example, the current one, else the newest."""
    return max(judged_by, key=lambda entry: (entry["current"], entry["version"]), default=None)


def _chances(lake: Lake, example: str, deliveries: set[str], known: list[Version], counting: int) -> dict[str, Row]:
    """As that version uses the example: by the one of its deliveries that it is made of."""
    version = next(version for version in known if version.number == counting)
    used = sorted(deliveries.intersection(version.row["deliveries"]))
    of_version = version_chances(lake, version, used)
    chances: dict[str, Row] = {}
    for delivery in used:
        chances |= chances_of_example(
            lake, of_version, example, measures=Pins.of(version.row).measures, delivery=delivery
        )
    return chances


def save_pictures(lake: Lake, explanation: Explanation, folder: Path) -> list[Path]:
    """The example's pictures as files, named by their content, as they came; returns the paths."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = lake.read(IMAGES, where={"image_id": explanation.image_ids}, columns=["image_id", "bytes", "format"])
    paths: list[Path] = []
    for row in rows.to_pylist():
        paths.append(folder / f"{row['image_id'][:16]}.{(row['format'] or 'bin').lower()}")
        paths[-1].write_bytes(row["bytes"])
    return paths


def _by_source(lake: Lake, name: str) -> list[Row]:
    rows = lake.read(EXAMPLES, where={"source_id": name}).to_pylist()
    drops: dict[str, list[str]] = {}
    for row in rows:
        drops.setdefault(row["example_id"], []).append(row["drop"])
    if not rows:
        raise MissingError(f"no example and no raw row is called {name!r}; ids stand in the report and in `assay diff`")
    if len(drops) > 1:
        listed = [f"{example} ({', '.join(dict.fromkeys(names))})" for example, names in drops.items()]
        first = ", ".join(listed[:MOST_LISTED])
        more = f" and {len(listed) - MOST_LISTED} more" if len(listed) > MOST_LISTED else ""
        raise AmbiguousError(f"{len(drops)} examples came from rows called {name!r}; ask for one of {first}{more}")
    return rows


def _measures(lake: Lake, example: str, known: list[Version]) -> dict[str, list[Row]]:
    measures: dict[str, list[Row]] = {}
    for audit in all_audits().values():
        identities = [(version, Pins.of(version.row).measures.get(audit.name)) for version in known]
        rows = lake.read(audit.table, where={"example_id": example}).to_pylist()
        if rows:
            measures[audit.name] = [_figures(row) | {"used_by": _users(row, identities)} for row in rows]
    return measures


def _users(row: Row, identities: list[tuple[Version, str | None]]) -> list[int]:
    """The versions that this row of measures went into: by its identity, and by its delivery, for a corrected drop may
    bring the same example again."""
    return [
        version.number
        for version, identity in identities
        if identity == row["identity"] and row["delivery"] in version.row["deliveries"]
    ]


def _figures(row: Row) -> Row:
    return {name: value for name, value in row.items() if name not in _KEYS}


def _memberships(lake: Lake, example: str, known: list[Version]) -> list[Row]:
    where = {"example_id": example}
    members = {row["version"]: row for row in lake.read(CURATED, where=where).to_pylist()}
    places: dict[int, list[Row]] = {}
    for row in lake.read(CURRICULUM, where=where).to_pylist():
        place = {name: row[name] for name in ("stage", "position", "difficulty")}
        places.setdefault(row["version"], []).append(place)
    by_number = {version.number: version for version in known}
    rows = sorted(lake.read(VERDICTS, where=where).to_pylist(), key=lambda row: row["version"])
    return [
        {
            "version": row["version"],
            "state": by_number[row["version"]].state,
            "current": by_number[row["version"]].current,
            **{name: row[name] for name in ("action", "weight", "reasons")},
            **{name: members[row["version"]][name] for name in _MEMBER if row["version"] in members},
            "places": places.get(row["version"], []),
        }
        for row in rows
    ]
