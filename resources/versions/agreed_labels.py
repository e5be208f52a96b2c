"""What reviewers agree on of examples, over all samples of a lake: as it is now, or as a version pins it."""

from collections import Counter, defaultdict
from collections.abc import Mapping

from ops.chances.recalibration import FEWEST
from ops.core.identity import fingerprint
from ops.core.log import Log, Row
from ops.core.version_schemas import LABELS, SAMPLES
from ops.review.labels import agreed
from resources.lake.tables import Lake

Labelled = Mapping[str, tuple[bool, float]]
"""Of each example that reviewers agree on, whether it is faulty, and for how many of its version it stands."""


def labels_by_reviewer(
    lake: Lake, sample: str | None = None, *, table_version: int | None = None
) -> dict[str, dict[str, str]]:
    """The last label of each example, by reviewer; of one sample, or of all; as of a Delta version of the table, where
    one is given."""
    labels: defaultdict[str, dict[str, str]] = defaultdict(dict)
    where = None if sample is None else {"sample": sample}
    for row in Log.of(lake.read(LABELS, where=where, version=table_version)).rows:
        labels[row["by"]][row["example_id"]] = row["label"]
    return dict(labels)


def agreed_labels(lake: Lake) -> dict[str, bool]:
    """Whether each labelled example is faulty. A label outlives the version that was sampled: an example's id is made
    of what it says and shows."""
    return agreed(labels_by_reviewer(lake))


def weighed_labels(lake: Lake, pinned: Mapping[str, int]) -> Labelled:
    """As of the pinned Delta versions of the tables (by name), -1 where there is none."""
    at, drawn_at = (pinned.get(spec.name, -1) for spec in (LABELS, SAMPLES))
    faulty = agreed(labels_by_reviewer(lake, table_version=at))
    rows: list[Row] = lake.read(SAMPLES, version=drawn_at).to_pylist() if faulty else []
    drawn = [row for row in rows if row["example_id"] in faulty]
    strata = Counter((row["sample"], row["stratum"]) for row in drawn)
    weights = {row["example_id"]: row["stratum_rows"] / strata[row["sample"], row["stratum"]] for row in drawn}
    return {name: (faulty[name], weight) for name, weight in weights.items()}


def labels_identity(labelled: Labelled) -> str:
    """Identity of what labels may correct; empty where they are too few to correct anything."""
    return fingerprint(sorted(labelled.items())) if len(labelled) >= FEWEST else ""
