"""The clusters of pictures that a checkpoint lost, as the mix of the next version takes them up.

checkpoints (a log), embeddings -> ops.decision.raising -> weights of members
"""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from ops.core.arrow import column_of, column_values
from ops.core.errors import UnusableError
from ops.core.schemas import EXAMPLES
from ops.decision.mix import MixSettings
from ops.decision.raising import Raising
from resources.checkpoints.audit_log import audited_checkpoints
from resources.lake.shares import View
from resources.lake.tables import Lake
from resources.models.stored_vectors import load_vectors


def raising_of(lake: Lake, mix: MixSettings, encoder: str) -> Raising | None:
    """The clusters of the checkpoint that `mix.checkpoint` names, as they were audited last; None where it names none,
    or one that lost none. UnusableError where it was not audited, or a cluster's pictures have no vector by the
    encoder."""
    if not mix.checkpoint:
        return None
    weights, clusters = _audited(lake, mix.checkpoint)
    if not any(cluster["raise_by"] > 1 for cluster in clusters):
        return None
    vectors = load_vectors(lake, encoder, "image", {image for cluster in clusters for image in cluster["pictures"]})
    known: list[tuple[str, float, np.ndarray]] = []
    for cluster in clusters:
        own, is_known = vectors.gather(cluster["pictures"])
        if not is_known.any():
            raise UnusableError(
                f"mix.checkpoint: no picture like {cluster['name']!r} has a vector by {encoder}; measure the drops "
                "that the checkpoint was tried on, or audit it again on this lake"
            )
        known.append((cluster["name"], cluster["raise_by"], own[is_known]))
    return Raising.of(weights, encoder, known)


def _audited(lake: Lake, checkpoint: str) -> tuple[str, list[dict[str, Any]]]:
    """The hash of the weights of a checkpoint, named by it or by its path, and the clusters of its last audit."""
    audits = [row for row in audited_checkpoints(lake).rows if checkpoint in (row["checkpoint"], row["weights"])]
    outcome: dict[str, Any] = json.loads(audits[-1]["outcome"]) if audits else {}
    if "clusters" not in outcome:
        raise UnusableError(
            f"mix.checkpoint names {checkpoint!r}, which was not audited on this lake for kinds of pictures; run "
            "`assay checkpoint` on it, or name one of the table `checkpoints` by its path or the hash of its weights"
        )
    return audits[-1]["weights"], outcome["clusters"]


def raised(members: pa.Table, view: View, raising: Raising) -> pa.Table:
    """The members (of the view's share) with the weights that the raised clusters leave them; an example counts as the
    most raised of its pictures, and one whose pictures have no vector as not raised."""
    ids = column_values(members, "example_id", str)
    place = {example: at for at, example in enumerate(ids)}
    factors = np.full(len(ids), raising.rest)
    for batch in view.batches(EXAMPLES, columns=["example_id", "image_ids"]):
        rows = zip(*(column_of(batch, name).to_pylist() for name in ("example_id", "image_ids")), strict=True)
        pictured = [(place[example], image) for example, images in rows if example in place for image in images or ()]
        _raise(factors, pictured, view.lake, raising)
    weights = members["weight"].to_numpy() * factors
    return members.set_column(members.schema.get_field_index("weight"), "weight", pa.array(weights))


def _raise(factors: np.ndarray, pictured: Sequence[tuple[int, str]], lake: Lake, raising: Raising) -> None:
    """Raises the factors of the examples (by place) that show these pictures."""
    vectors = load_vectors(lake, raising.encoder, "image", {image for _, image in pictured})
    own, is_known = vectors.gather([image for _, image in pictured])
    if is_known.any():
        at = np.array([place for place, _ in pictured])[is_known]
        np.maximum.at(factors, at, raising.shares(own[is_known]))
