"""The mix of modalities of a candidate: what its members of either modality sum up to, and the gate's facts of it."""

import json
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pyarrow as pa

from ops.core.arrow import (
    AnyArray,
    Column,
    column_of,
    compare,
    distinct_values,
    flags,
    invert,
    is_in,
    rows_where,
    values_where,
    whole,
)
from ops.core.errors import MissingError
from ops.decision.difficulty import components, per_example
from ops.decision.mix import Mix, MixSettings, Sums, curve, effective_share, visual_share
from resources.lake.stored_measures import NONE, Reads, Without, read_measures, used

Sides = tuple[Sums, Sums]
"""Of the visual examples and the others."""
_BLIND = "blind_share"


class Mixing:
    """Which of a share's examples are visual, and how much each counts: read once, asked for any members.

    `visual` are the ids of its examples that show a picture; `reads` is the lake, or a share of it."""

    def __init__(
        self,
        reads: Reads,
        visual: AnyArray,
        *,
        deliveries: Sequence[str],
        measures: Mapping[str, str],
        settings: MixSettings,
        without: Without = NONE,
    ) -> None:
        self._visual: Column = visual
        if settings.blind_as_text and "visual_necessity" in measures:
            known = used(deliveries, without, "visual_necessity")
            blind = _blind_ids(reads, known, measures["visual_necessity"])
            self._visual = values_where(visual, invert(is_in(visual, blind)))
        self._tokens = None
        if settings.count == "loss_tokens":
            if "modality" not in measures:
                raise MissingError("mix.count is loss_tokens, but modality was not measured; run that audit first")
            columns = {"loss_tokens"}
            known = used(deliveries, without, "modality")
            rows = read_measures(reads, "modality", identity=measures["modality"], deliveries=known, columns=columns)
            self._tokens = components(rows, ["loss_tokens"])["loss_tokens"]

    def visual(self, members: pa.Table) -> np.ndarray:
        """Which of the members (by example_id) count as visual (n, bool)."""
        return flags(is_in(members["example_id"], self._visual))

    def sums(self, members: pa.Table) -> Sides:
        """What the visual members and the others sum up to. `members` has example_id and weight."""
        visual = self.visual(members)
        weights = members["weight"].to_numpy()
        ids = whole(members, "example_id")
        amounts = np.ones(len(ids)) if self._tokens is None else np.nan_to_num(per_example(ids, self._tokens))
        return Sums.of(weights[visual], amounts[visual]), Sums.of(weights[~visual], amounts[~visual])


def pinned_mix(config: str | None) -> MixSettings:
    """The settings of the mix in a version's configuration (JSON)."""
    return MixSettings(**json.loads(config or "{}").get("mix", {}))


def mix_facts(shares: Iterable[tuple[Sides, Sides]], settings: MixSettings) -> dict[str, pa.Table]:
    """Facts of a stored candidate, from the sums of each share by its verdicts (before) and its members (after).

    `mix`, one row: counted, target, visual_examples, text_examples, before, visual_share, off_target, repeats,
    effective_share. `mix_curve`: what other mixes would have cost, a row each (the columns of ops.decision.mix.Mix).
    """
    total = [[Sums(), Sums()], [Sums(), Sums()]]
    for own in shares:
        total = [[a + b for a, b in zip(*pair, strict=True)] for pair in zip(total, own, strict=True)]
    before, after = ((visual.mass, text.mass) for visual, text in total)
    factors = [now.counted / was.counted if was.counted else 1.0 for was, now in zip(before, after, strict=True)]
    share = visual_share(*after)
    target = settings.visual_share
    row = {
        "counted": settings.count,
        "target": target,
        "visual_examples": before[0].examples,
        "text_examples": before[1].examples,
        "before": visual_share(*before),
        "visual_share": share,
        "off_target": 0.0 if target is None else abs(share - target),
        "repeats": max(factors) / min(factors) if min(factors) else 1.0,
        "effective_share": effective_share(before, after),
    }
    costs = [{name: getattr(point, name) for name in Mix.__slots__} for point in curve(*before)]
    schema = pa.schema([(name, pa.float64()) for name in Mix.__slots__])
    return {"mix": pa.Table.from_pylist([row]), "mix_curve": pa.Table.from_pylist(costs, schema=schema)}


def _blind_ids(lake: Reads, deliveries: Sequence[str], identity: str) -> AnyArray:
    """Ids of the examples of which every answer that could be judged is known without looking."""
    rows = read_measures(lake, "visual_necessity", identity=identity, deliveries=deliveries, columns={_BLIND})
    known = (rows_where(batch, compare(column_of(batch, _BLIND), ">=", 1.0)) for batch in rows)
    blind: list[AnyArray] = [column_of(batch, "example_id") for batch in known]
    return distinct_values(pa.chunked_array(blind, pa.string()))
