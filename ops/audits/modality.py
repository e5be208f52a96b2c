"""Modality.

What of an example is text and what is picture, counted four ways: the example itself, its answers, the tokens that a
loss is taken on, and the tokens that its images become.

- `modality`: `visual` where the example has an image, else `text`. Whether it needs the image is another question:
  the statistics of the corpus, and the target mix (`mix` in assay.yaml), count examples that the audit of visual
  necessity found blind throughout as text.
- `turns`: answers; the candidates of a preference example count as its answers. A prompt of RL has none: no loss is
  taken on its ground truth.
- `loss_tokens`: tokens of these answers, by the tokenizer that `tokenizer` names (a `tokenizer.json` of the
  `tokenizers` library, which transformers writes too, or its folder). Without one it is a rough count that needs no
  network: runs of letters and digits, single signs, single letters of scripts written without spaces. Tokens of the
  chat template are not counted.
- `images`, and `image_tokens`: images times `image_tokens`, what one image becomes in the model that is trained (576
  in LLaVA-1.5: 24 x 24 patches).
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from ops.audits.contract import KEYS, Audit, Grain, Scope
from ops.audits.ranges import COUNT, column
from ops.core.arrow import Column, list_lengths, taken, whole
from ops.core.message_columns import message_columns
from ops.evidence.inputs import RowInputs
from ops.text.tokens import counter, stamp

ANSWERS = ("assistant", "chosen", "rejected", "response")
"""Roles whose text is learnt from."""


@dataclass(frozen=True, slots=True)
class ModalitySettings:
    """`audits.modality` in assay.yaml."""

    tokenizer: str = ""
    """Path of a tokenizer.json, or of its folder; empty for a rough count."""
    image_tokens: int = 576
    """Tokens that one image becomes."""
    stamp: str = ""
    """Filled in from the tokenizer's file, so that another one counts anew; not to be set."""

    def __post_init__(self) -> None:
        if self.image_tokens < 0:
            raise ValueError(f"image_tokens must be 0 or more, but is {self.image_tokens}")
        object.__setattr__(self, "stamp", stamp(self.tokenizer))


def measure(inputs: RowInputs, settings: ModalitySettings) -> pa.Table:
    """Counts of each example."""
    examples = inputs.examples.combine_chunks()
    messages = message_columns(examples)
    answers = messages.is_of(*ANSWERS)
    learnt = np.flatnonzero(answers[messages.message])
    tokens = counter(settings.tokenizer, settings.stamp)(taken(messages.text, pa.array(learnt)))
    images = list_lengths(whole(examples, "image_ids"))
    columns: list[Column] = [
        pa.array(np.where(images > 0, "visual", "text")),
        pa.array(messages.over_messages(answers).astype(np.int32)),
        pa.array(messages.over_parts(tokens, learnt).astype(np.int64)),
        pa.array(images.astype(np.int32)),
        pa.array(images * settings.image_tokens),
    ]
    keys = [examples[name] for name in KEYS[Grain.EXAMPLE].names]
    return pa.table([*keys, *columns], schema=AUDIT.schema)


AUDIT = Audit(
    name="modality",
    title="Modality",
    grain=Grain.EXAMPLE,
    scope=Scope.ROW,
    columns=pa.schema(
        [
            column("modality", pa.string()),
            column("turns", pa.int32(), COUNT),
            column("loss_tokens", pa.int64(), COUNT),
            column("images", pa.int32(), COUNT),
            column("image_tokens", pa.int64(), COUNT),
        ]
    ),
    measure=measure,
    settings=ModalitySettings(),
)
