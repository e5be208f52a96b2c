"""How much the picture adds to the answer.

Two small heads on the frozen embeddings predict each answer: one from the query alone (its embedding and its words),
one that starts from the first and adds the picture. They are cross-fitted: turns that share a picture, directly or
through other examples, lie in one fold, and no turn is scored by a head that saw it or its picture. In nats (natural
logarithms):

- `text_predictability`: log p(answer | query). Near 0, the answer is known without looking.
- `with_image`: log p(answer | query, image); `swapped`: the same with another picture of the fold.
- `pvi`: with_image - text_predictability, pointwise usable information (PVI; Ethayarajh, Choi and Swayamdipta,
  "Understanding Dataset Difficulty with V-Usable Information", 2022). Large where the picture gives the answer away,
  near 0 where it is not needed, below 0 where it speaks against the answer. `swap_loss`: with_image - swapped, as
  VisNec compares with other pictures.
- `information`: how far the picture moves the prediction, whatever the answer (Kullback-Leibler divergence). Unlike
  `pvi` it does not fall where the answer is wrong.
- `is_blind`: the answer is predicted from the text with a probability of `blind_probability` and more, and the
  picture adds less than `blind_pvi`. Here a head is not taken at its word: its likeliest answer counts for as often as
  answers as likely were right among turns that heads had not seen. Fitted on a few hundred turns, heads are sure of
  noise.

`example_text_predictability`, `example_pvi` and `blind_share` pool an example's turns (means, and the share that is
blind): a single turn may be guessed by luck, a conversation that is blind throughout is not about its picture.

Where `vlm` names a vision-language model, it is asked as well (as VisNec and VIG do), by its chat template, for the
turn alone, in nats a token of the answer: `vlm_with_image`, `vlm_without_image`, and `vlm_swapped`, with the pictures
of another turn; `vlm_gain` and `vlm_swap_loss` are what the first exceeds the others by. A CoCa, which writes captions
instead of answering, reads question and answer as one text, and a grey picture where it is to do without. Without a
model they are null, as they are where a turn is longer than it reads, or shows a CoCa several pictures; whether the
heads abstain does not matter to them.

Short answers that occur often enough are classes (`answer_kind` closed); the others must be told from the answers of
other turns in the same batch of at most 64 (open), which tells topics rather than details, so that the two kinds are
not comparable; `candidates` is the number chosen among. A picture that the encoder cannot read adds nothing that these
heads could use: low `pvi` alone is no proof that a question is blind, high `text_predictability` is what counts.

A turn abstains, and `why` says so, where its answer says nothing, where a vector is missing, or where the delivery has
too few answers of its kind to fit heads on, or all of them about the same pictures. It abstains as well where question
or answer is not in English, for yes and no, numbers and the statements they make are told by English rules, whatever
languages the encoder reads; the vision-language model is asked in any language. Turns of examples without images have
no row.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from ops.audits.contract import Audit, Grain, Scope, Suspicion
from ops.audits.ranges import ANY, DIVERGENCE, LOG_PROBABILITY, NUMBER, SHARE, column
from ops.core.arrow_types import fields
from ops.core.identity import text_id
from ops.evidence.inputs import RowInputs
from ops.evidence.likelihoods import LikelihoodTable, trios
from ops.necessity.answers import Answer, affirmed_and_denied, answer_of, are_classes
from ops.necessity.crossfit import Predicted
from ops.necessity.predicting import AnsweredTurn, predict
from ops.text.image_turns import ImageTurn, image_turns


@dataclass(frozen=True, slots=True)
class NecessitySettings:
    """`audits.visual_necessity` in assay.yaml."""

    folds: int = 4
    """Parts of which each is scored by heads fitted on the others."""
    class_turns: int = 8
    """Turns with the same short answer from which it is a class."""
    fewest_turns: int = 60
    """Turns of a kind of answer below which no heads are fitted on them."""
    most_turns: int = 20_000
    """Turns that a head is fitted on at most."""
    epochs: int = 30
    """Passes over them, as far as 2,000 batches allow."""
    blind_probability: float = 0.8
    blind_pvi: float = 0.1
    vlm: str | None = None
    """A vision-language model (a folder, or its name on the hub) or a CoCa (`open_clip:local-dir:PATH`,
    `open_clip:hf-hub:ORG/NAME`, `open_clip:NAME:CHECKPOINT`); None asks none."""
    vlm_batch: int = 8
    """Answers that it reads at once."""

    def __post_init__(self) -> None:
        if self.vlm_batch < 1:
            raise ValueError(f"vlm_batch must be at least 1, but is {self.vlm_batch}")
        if self.folds < 2 or self.fewest_turns < 2 * self.folds or self.class_turns < 1 or self.epochs < 1:
            raise ValueError(
                f"folds must be at least 2, fewest_turns at least twice that, class_turns and epochs at least 1, but "
                f"are {self.folds}, {self.fewest_turns}, {self.class_turns} and {self.epochs}"
            )


_POOLED = pa.schema(
    [
        column("example_text_predictability", pa.float32(), LOG_PROBABILITY),
        column("example_pvi", pa.float32(), ANY),
        column("blind_share", pa.float32(), SHARE),
    ]
)
_VLM = pa.schema(
    [
        column("vlm_with_image", pa.float32(), LOG_PROBABILITY),
        column("vlm_without_image", pa.float32(), LOG_PROBABILITY),
        column("vlm_swapped", pa.float32(), LOG_PROBABILITY),
        column("vlm_gain", pa.float32(), ANY),
        column("vlm_swap_loss", pa.float32(), ANY),
    ]
)
COLUMNS = pa.schema(
    [
        column("abstained", pa.bool_()),
        column("why", pa.string()),
        column("answer_kind", pa.string()),  # closed | open
        column("candidates", pa.int32(), NUMBER),
        column("text_predictability", pa.float32(), LOG_PROBABILITY),
        column("with_image", pa.float32(), LOG_PROBABILITY),
        column("swapped", pa.float32(), LOG_PROBABILITY),
        column("pvi", pa.float32(), ANY),
        column("swap_loss", pa.float32(), ANY),
        column("information", pa.float32(), DIVERGENCE),
        column("is_blind", pa.bool_()),
        *fields(_POOLED),
        *fields(_VLM),
    ]
)


def wanted_texts(examples: pa.Table) -> list[str]:
    """Queries, answers, and yes/no questions affirmed and denied."""
    texts: set[str] = set()
    for turn in image_turns(examples):
        answer = answer_of(turn)
        if answer is None:
            continue
        texts |= {turn.turn.query.strip(), answer.text}
        if answer.is_polar:
            texts.update(affirmed_and_denied(turn.turn.query))
    return sorted(texts)


def measure(inputs: RowInputs, settings: NecessitySettings) -> pa.Table:
    """One row a turn of an example that shows images."""
    ids = inputs.examples["example_id"].to_pylist()
    turns = sorted(image_turns(inputs.examples), key=lambda turn: (ids[turn.turn.row], turn.turn.turn))
    answers = [answer_of(turn) for turn in turns]
    why = _reasons(turns, answers, inputs)
    usable = [None if reason else answer for answer, reason in zip(answers, why, strict=True)]
    closed = are_classes(usable, fewest=settings.class_turns)
    predicted = Predicted.empty(len(turns))
    for kind, is_closed in (("closed", True), ("open", False)):
        answered = [
            (row, AnsweredTurn(turn.turn.query.strip(), turn.image_ids, answer))
            for row, (turn, answer) in enumerate(zip(turns, usable, strict=True))
            if answer and closed[row] == is_closed
        ]
        rows = np.array([row for row, _ in answered], dtype=np.int64)
        members = [turn for _, turn in answered]
        if len(rows) < settings.fewest_turns or len({turn.answer for turn in members}) < 2:
            for row in rows:
                why[row] = f"too few {kind} answers in the delivery to fit heads on"
            continue
        result = predict(
            kind,
            members,
            texts=inputs.texts,
            images=inputs.images,
            folds=settings.folds,
            epochs=settings.epochs,
            most_turns=settings.most_turns,
        )
        predicted.put(rows, result)
        for row in rows[np.isnan(result.text)]:
            why[row] = "every turn is about the same pictures, so that no head is fitted without them"
    return _table(inputs, turns, why, closed, predicted, settings)


def _reasons(turns: Sequence[ImageTurn], answers: Sequence[Answer | None], inputs: RowInputs) -> list[str]:
    """Why each turn abstains; empty where heads may be fitted on it."""
    has_query = inputs.texts.positions([text_id(turn.turn.query.strip()) for turn in turns]) >= 0
    has_answer = inputs.texts.positions([text_id(answer.text) if answer else "" for answer in answers]) >= 0
    reasons: list[str] = []
    for turn, answer, is_known in zip(turns, answers, has_query & has_answer, strict=True):
        if answer is None:
            reasons.append(turn.statement.uninformative or "no query")
        elif is_known and (inputs.images.positions(turn.image_ids) >= 0).all():
            reasons.append("")
        else:
            reasons.append("no vector for the query, the answer or the image")
    return reasons


def _table(
    inputs: RowInputs,
    turns: Sequence[ImageTurn],
    why: Sequence[str],
    closed: np.ndarray,
    predicted: Predicted,
    settings: NecessitySettings,
) -> pa.Table:
    kept = np.array([not reason for reason in why], dtype=bool)
    figures = {
        "text_predictability": predicted.text,
        "with_image": predicted.picture,
        "swapped": predicted.swapped,
        "pvi": predicted.picture - predicted.text,
        "swap_loss": predicted.picture - predicted.swapped,
        "information": predicted.information,
    }
    blind = (predicted.trusted >= np.log(settings.blind_probability)) & (figures["pvi"] < settings.blind_pvi)
    rows = pa.array([turn.turn.row for turn in turns], pa.int64())
    owners = rows.to_numpy(zero_copy_only=False)
    pooled = dict(
        zip(
            _POOLED.names,
            (_mean(values, owners, kept) for values in (figures["text_predictability"], figures["pvi"], blind)),
            strict=True,
        )
    )
    columns: dict[str, Any] = {name: inputs.examples[name].take(rows) for name in ("delivery", "example_id")}
    columns["turn"] = pa.array([turn.turn.turn for turn in turns], pa.int32())
    columns |= {"abstained": ~kept, "why": [reason or None for reason in why]}
    columns["answer_kind"] = pa.array(np.where(closed, "closed", "open").tolist(), pa.string(), mask=~kept)
    columns["candidates"] = pa.array(np.nan_to_num(predicted.candidates).astype(np.int32), mask=~kept)
    columns |= {name: pa.array(values.astype(np.float32), mask=~kept) for name, values in figures.items()}
    columns["is_blind"] = pa.array(blind, mask=~kept)
    nullable = pooled | _model_figures(turns, inputs.likelihoods)
    columns |= {name: pa.array(values, mask=~np.isfinite(values)) for name, values in nullable.items()}
    return pa.table(columns, schema=AUDIT.schema)


def _model_figures(turns: Sequence[ImageTurn], likelihoods: LikelihoodTable) -> dict[str, np.ndarray]:
    """What a vision-language model said of each turn (n, float32); NaN where none was asked."""
    questions = trios(turns) if len(likelihoods.keys) else [None] * len(turns)
    real, missing, swapped = (
        likelihoods.a_token([getattr(trio, name) if trio else None for trio in questions]).astype(np.float32)
        for name in ("real", "missing", "swapped")
    )
    return dict(zip(_VLM.names, (real, missing, swapped, real - missing, real - swapped), strict=True))


def _mean(values: np.ndarray, owners: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """Mean over the kept turns of each turn's example (n, float32), NaN where there is none."""
    size = int(owners.max()) + 1 if len(owners) else 0
    sums = np.bincount(owners[kept], weights=values[kept].astype(np.float64), minlength=size)
    counts = np.bincount(owners[kept], minlength=size)
    means = np.divide(sums, counts, out=np.full(size, np.nan), where=counts > 0)
    return means[owners].astype(np.float32)


AUDIT = Audit(
    name="visual_necessity",
    title="Visual necessity",
    grain=Grain.TURN,
    scope=Scope.DROP,
    columns=COLUMNS,
    measure=measure,
    settings=NecessitySettings(),
    texts=wanted_texts,
    uses_vectors=True,
    uses_likelihoods=True,
    faults=("blind_questions",),
    suspicion=Suspicion("example_text_predictability", 1, ("blind_questions",)),
    revision=7,
)
