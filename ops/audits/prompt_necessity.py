"""Whether a prompt can be solved without looking.

A reward that is earned from the question alone teaches a model not to look. What `visual_necessity` asks of answers is
asked here of ground truths: small heads are fitted on the delivery's own prompts, on the question alone and on question
and pictures, each part scored by heads that have not seen it, with the truth as the answer. A letter stands for the
text of its option.

`text_predictability` is the log probability (nats) of the truth from the question alone, `with_image` that with the
prompt's pictures, `swapped` that with another prompt's; `pvi` and `swap_loss` are what the pictures add to either, and
`information` how much the prediction moves (nats). `answer_kind` is `closed` (a short truth that many prompts share) or
`open` (told from `candidates` truths). `is_blind` says that the truth is likely from the question alone and the picture
adds nothing; a head's likeliest answer counts for as often as answers as likely were right among prompts that heads had
not seen, for on few prompts heads are sure of noise.

Prompts without pictures have no row. A prompt abstains, and `why` says so, without a ground truth, where the truth or
the question says nothing or is not in English, where a vector is missing, and where the delivery has too few prompts of
its kind to fit heads on. It is a lower bound: what small heads cannot tell, a language model may.
"""

from dataclasses import asdict, dataclass
from typing import Any

import pyarrow as pa

from ops.audits import visual_necessity
from ops.audits.contract import KEYS, Audit, Grain, Scope
from ops.audits.visual_necessity import NecessitySettings
from ops.core.arrow_types import fields
from ops.core.turns import GROUND_TRUTH, ROLLOUT
from ops.evidence.inputs import RowInputs
from ops.prompts.asked import read_prompts
from ops.prompts.truths import alternatives, options, unwrapped

_COLUMNS = (
    "abstained",
    "why",
    "answer_kind",
    "candidates",
    "text_predictability",
    "with_image",
    "swapped",
    "pvi",
    "swap_loss",
    "information",
    "is_blind",
)


@dataclass(frozen=True, slots=True)
class PromptNecessitySettings:
    """`audits.prompt_necessity` in assay.yaml: as in `audits.visual_necessity`, of ground truths."""

    folds: int = 4
    class_turns: int = 8
    fewest_turns: int = 60
    most_turns: int = 20_000
    epochs: int = 30
    blind_probability: float = 0.8
    blind_pvi: float = 0.1

    def __post_init__(self) -> None:
        self.heads()

    def heads(self) -> NecessitySettings:
        """The settings of the heads; ValueError where they cannot be fitted."""
        return NecessitySettings(**asdict(self))


def wanted_texts(examples: pa.Table) -> list[str]:
    """Questions, truths, and yes/no questions affirmed and denied."""
    return visual_necessity.wanted_texts(answered(examples))


def answered(examples: pa.Table) -> pa.Table:
    """The prompts among the examples as if their truths were their answers; those without one have no answer. Only for
    measuring: nothing of it is stored."""
    rows: list[dict[str, Any]] = []
    for prompt in read_prompts(examples):
        row = examples.slice(prompt.row, 1).to_pylist()[0]
        messages = [m for m in row["messages"] if m["role"] not in (GROUND_TRUTH, ROLLOUT)]
        text = ""
        if prompt.truth is not None:
            plain = unwrapped(alternatives(prompt.truth, is_json=prompt.is_json)[0])
            text = options(prompt.question).get(plain.strip("(). ").upper(), plain)
        part = {"type": "text", "text": text, "image_id": None}
        rows.append({**row, "messages": [*messages, {"role": "assistant", "parts": [part]}]})
    return pa.Table.from_pylist(rows, schema=examples.schema)


def measure(inputs: RowInputs, settings: PromptNecessitySettings) -> pa.Table:
    """One row a prompt with pictures."""
    asked = RowInputs(answered(inputs.examples), inputs.images, inputs.texts, inputs.bank_images, inputs.bank_texts)
    measured = visual_necessity.measure(asked, settings.heads())
    return measured.select([*KEYS[Grain.EXAMPLE].names, *_COLUMNS]).cast(AUDIT.schema)


AUDIT = Audit(
    name="prompt_necessity",
    title="Whether a prompt can be solved without looking",
    revision=3,
    grain=Grain.EXAMPLE,
    scope=Scope.DROP,
    columns=pa.schema(fields(visual_necessity.COLUMNS, *_COLUMNS)),
    measure=measure,
    settings=PromptNecessitySettings(),
    texts=wanted_texts,
    uses_vectors=True,
)
