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

import pyarrow as pa

from ops.audits.contract import Audit, Grain, Scope, Suspicion
from ops.audits.ranges import ANY, COSINES_APART, COUNT, NUMBER, P_VALUE, column
from ops.evidence.inputs import RowInputs
from ops.grounding.pooled import Pooled, pooled_examples
from ops.grounding.scores import scored_texts


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


def measure(inputs: RowInputs, settings: ConversationGroundingSettings) -> pa.Table:
    """One row an example that shows images."""
    pools = list(pooled_examples(inputs, temperature=settings.temperature))
    places = pa.array([pool.row for pool in pools], pa.int64())
    examples = inputs.examples.select(["delivery", "example_id"]).take(places)
    figures = pa.Table.from_pylist([_measured(pool, settings) for pool in pools], schema=AUDIT.columns)
    return pa.table([*examples.columns, *figures.columns], schema=AUDIT.schema)


def _measured(pool: Pooled, settings: ConversationGroundingSettings) -> dict[str, Any]:
    why = pool.why
    if not why and pool.turns < settings.fewest_turns:
        why = f"only {pool.turns} informative turns"
    if not why and pool.compared < settings.fewest_images:
        why = f"only {pool.compared} other images to compare with"
    if why:
        return {"turns": pool.turns, "abstained": True, "why": why}
    return {
        "turns": pool.turns,
        "pooled_margin": pool.own - pool.normaliser,
        "pooled_z": pool.z,
        "rank": pool.rank,
        "compared": pool.compared,
        "p_value": pool.rank / (1 + pool.compared),
        "abstained": False,
        "why": None,
    }


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
    suspicion=Suspicion("pooled_z", -1, ("wrong_image",)),
)
