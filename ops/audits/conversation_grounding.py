"""Do the turns of an example, taken together, belong to its image?

One short answer carries little: that a circle is there is true of a third of all pictures with one shape. The answers
of a whole conversation carry much. The statements of an example's informative turns are scored as in `grounding`, the
scores are averaged, and the same average is taken for each other image of the bank: the statements stay, the image
changes. A long text counts by its sentences and noun phrases, as in `grounding`.

- `pooled_margin`: the mean of the turns' margins (negCLIPLoss, Wang et al., 2024).
- `pooled_z`: how many standard deviations of the bank's images the own image lies above their mean.
- `rank` and `p_value` among the bank's images, as in `grounding`: if the image did not matter, own and other images
  would be exchangeable. A wrong image shows as a large p-value.

It abstains where the example has no informative turn, a vector is missing, or the bank has too few images. Turns that
are not in English are not informative: the rules that make statements are English, whatever languages the encoder
reads. Examples without images have no row.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from ops.audits.contract import Audit, Grain, Scope
from ops.audits.ranges import ANY, COSINES_APART, COUNT, NUMBER, P_VALUE, column
from ops.evidence.inputs import RowInputs
from ops.grounding.scores import Scores, ranks, score_turns, scored_texts
from ops.text.image_turns import image_turns
from ops.text.language import NOT_ENGLISH


@dataclass(frozen=True, slots=True)
class ConversationGroundingSettings:
    """How the turns of an example are pooled."""

    temperature: float = 0.05
    """Softness of the comparison with the bank, in units of cosine, as for `grounding`."""
    fewest_images: int = 16
    """Other images below which the audit abstains."""
    fewest_turns: int = 1
    """Informative turns below which the audit abstains."""

    def __post_init__(self) -> None:
        if self.temperature <= 0 or self.fewest_images < 1 or self.fewest_turns < 1:
            raise ValueError("temperature must be above 0, fewest_images and fewest_turns at least 1")


@dataclass(slots=True)
class _Pool:
    """Sums over an example's informative turns."""

    images: int
    silence: str = ""
    """Why no turn is scored, where that is so."""
    turns: int = 0
    own: float = 0.0
    normaliser: float = 0.0
    bank: np.ndarray | None = None

    def add(self, scores: Scores, at: int) -> None:
        self.turns += 1
        self.own += float(scores.own[at])
        self.normaliser += float(scores.normaliser[at])
        self.bank = scores.bank[at].copy() if self.bank is None else self.bank + scores.bank[at]


def measure(inputs: RowInputs, settings: ConversationGroundingSettings) -> pa.Table:
    """One row an example that shows images."""
    turns = image_turns(inputs.examples)
    pools = {turn.turn.row: _Pool(len(turn.image_ids)) for turn in turns}
    for turn in turns:
        if turn.statement.uninformative == NOT_ENGLISH:
            pools[turn.turn.row].silence = NOT_ENGLISH
    informative = [turn for turn in turns if not turn.statement.uninformative]
    for scores in score_turns(inputs, informative, temperature=settings.temperature):
        for at in np.flatnonzero(scores.known).tolist():
            pools[scores.turns[at].turn.row].add(scores, at)
    speaking = {turn.turn.row for turn in informative}
    rows = [_measured(pool, settings, speaks=row in speaking) for row, pool in pools.items()]
    examples = inputs.examples.select(["delivery", "example_id"]).take(pa.array(list(pools), pa.int64()))
    figures = pa.Table.from_pylist(rows, schema=AUDIT.columns)
    return pa.table([*examples.columns, *figures.columns], schema=AUDIT.schema)


def _measured(pool: _Pool, settings: ConversationGroundingSettings, *, speaks: bool) -> dict[str, Any]:
    if not speaks:
        return _abstained(pool, pool.silence or "no turn speaks of what an image could show")
    if pool.bank is None:
        return _abstained(pool, "no vector for the texts or the image")
    if pool.turns < settings.fewest_turns:
        return _abstained(pool, f"only {pool.turns} informative turns")
    bank = pool.bank / pool.turns
    own = pool.own / pool.turns
    rank, compared = ranks(np.array([own]), bank[None, :], np.array([pool.images]))
    if compared[0] < settings.fewest_images:
        return _abstained(pool, f"only {compared[0]} other images to compare with")
    others = bank[np.isfinite(bank)]
    return {
        "turns": pool.turns,
        "pooled_margin": own - pool.normaliser / pool.turns,
        "pooled_z": (own - others.mean()) / max(float(others.std()), 1e-6),
        "rank": int(rank[0]),
        "compared": int(compared[0]),
        "p_value": float(rank[0] / (1 + compared[0])),
        "abstained": False,
        "why": None,
    }


def _abstained(pool: _Pool, why: str) -> dict[str, Any]:
    return {"turns": pool.turns, "abstained": True, "why": why}


AUDIT = Audit(
    name="conversation_grounding",
    title="Conversations that do not belong to their image",
    grain=Grain.EXAMPLE,
    scope=Scope.ROW,
    columns=pa.schema(
        [
            column("turns", pa.int32(), COUNT),
            column("pooled_margin", pa.float32(), COSINES_APART),
            column("pooled_z", pa.float32(), ANY),
            column("rank", pa.int32(), NUMBER),
            column("compared", pa.int32(), COUNT),
            column("p_value", pa.float32(), P_VALUE),
            column("abstained", pa.bool_()),
            column("why", pa.string()),
        ]
    ),
    measure=measure,
    settings=ConversationGroundingSettings(),
    texts=scored_texts,
    uses_vectors=True,
    revision=4,
    faults=("wrong_image", "shifted_join"),
)
