"""What reviewers agree on of examples, over all samples of a lake."""

from collections import defaultdict

from ops.core.log import Log
from ops.core.version_schemas import LABELS
from ops.review.labels import agreed
from resources.lake.tables import Lake


def labels_by_reviewer(lake: Lake, sample: str | None = None) -> dict[str, dict[str, str]]:
    """The last label of each example, by reviewer; of one sample, or of all."""
    labels: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for row in Log.of(lake.read(LABELS, where=None if sample is None else {"sample": sample})).rows:
        labels[row["by"]][row["example_id"]] = row["label"]
    return dict(labels)


def agreed_labels(lake: Lake) -> dict[str, bool]:
    """Whether each labelled example is faulty. A label outlives the version that was sampled: an example's id is made
    of what it says and shows."""
    return agreed(labels_by_reviewer(lake))
