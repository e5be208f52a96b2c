"""The mix of modalities of a candidate: what its members of either modality sum up to, and the gate's facts of it."""

import json
from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ops.core.errors import MissingError
from ops.core.schemas import CURATED, VERDICTS
from ops.decision.difficulty import components, per_example
from ops.decision.mix import Mass, Mix, MixSettings, curve, effective_share, mixed, visual_share
from ops.decision.policy import MEMBER_ACTIONS
from resources.lake.stored_measures import NONE, Without, read_measures, used, visual_ids
from resources.lake.tables import Lake

_BLIND = "blind_share"


class Mixing:
    """Which of a corpus's examples are visual, and how much each counts: read once, asked for any members."""

    def __init__(
        self,
        lake: Lake,
        *,
        deliveries: Sequence[str],
        measures: Mapping[str, str],
        settings: MixSettings,
        without: Without = NONE,
    ) -> None:
        self.settings = settings
        self._visual = visual_ids(lake, deliveries)
        if settings.blind_as_text and "visual_necessity" in measures:
            known = used(deliveries, without, "visual_necessity")
            blind = _blind_ids(lake, known, measures["visual_necessity"])
            self._visual = self._visual.filter(pc.invert(pc.is_in(self._visual, value_set=blind)))
        self._tokens = None
        if settings.count == "loss_tokens":
            if "modality" not in measures:
                raise MissingError("mix.count is loss_tokens, but modality was not measured; run that audit first")
            columns = {"loss_tokens"}
            known = used(deliveries, without, "modality")
            rows = read_measures(lake, "modality", identity=measures["modality"], deliveries=known, columns=columns)
            self._tokens = components(rows, ["loss_tokens"])["loss_tokens"]

    def visual(self, members: pa.Table) -> np.ndarray:
        """Which of the members (by example_id) count as visual (n, bool)."""
        return np.asarray(pc.is_in(members["example_id"], value_set=self._visual))

    def masses(self, members: pa.Table) -> tuple[Mass, Mass]:
        """What the visual members and the others sum up to. `members` has example_id and weight."""
        visual = self.visual(members)
        weights = members["weight"].to_numpy()
        ids = members["example_id"].combine_chunks()
        amounts = np.ones(len(ids)) if self._tokens is None else np.nan_to_num(per_example(ids, self._tokens))
        return Mass.of(weights[visual], amounts[visual]), Mass.of(weights[~visual], amounts[~visual])

    def weights(self, members: pa.Table) -> tuple[pa.Array, Mix]:
        """The members' weights times the factors of the target mix, and the mix."""
        mix = mixed(*self.masses(members), self.settings)
        factors = np.where(self.visual(members), mix.visual_factor, mix.text_factor)
        return pa.array(members["weight"].to_numpy() * factors), mix


def pinned_mix(config: str | None) -> MixSettings:
    """The settings of the mix in a version's configuration (JSON)."""
    return MixSettings(**json.loads(config or "{}").get("mix", {}))


def mix_facts(
    lake: Lake,
    version: int,
    *,
    deliveries: Sequence[str],
    measures: Mapping[str, str],
    settings: MixSettings,
    without: Without = NONE,
) -> dict[str, pa.Table]:
    """Facts of a stored candidate, from its verdicts (weights before) and its members (after).

    `mix`, one row: counted, target, visual_examples, text_examples, before, visual_share, off_target, repeats,
    effective_share. `mix_curve`: what other mixes would have cost, a row each (the columns of ops.decision.mix.Mix).
    """
    mixing = Mixing(lake, deliveries=deliveries, measures=measures, settings=settings, without=without)
    columns = ["example_id", "weight"]
    judged = lake.read(VERDICTS, where={"version": version}, columns=[*columns, "action"])
    stays = pc.is_in(judged["action"], value_set=pa.array(MEMBER_ACTIONS))
    before = mixing.masses(judged.filter(stays))
    after = mixing.masses(lake.read(CURATED, where={"version": version}, columns=columns))
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


def _blind_ids(lake: Lake, deliveries: Sequence[str], identity: str) -> pa.Array:
    """Ids of the examples of which every answer that could be judged is known without looking."""
    rows = read_measures(lake, "visual_necessity", identity=identity, deliveries=deliveries, columns={_BLIND})
    blind = [
        batch.column("example_id").filter(pc.greater_equal(batch.column(_BLIND), pa.scalar(1.0)))  # null: not known
        for batch in rows
    ]
    return pa.concat_arrays(blind).unique() if blind else pa.array([], pa.string())
