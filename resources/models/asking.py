"""Asks a vision-language model about a delivery, each question once, on Ray.

examples -> questions not yet answered -> model actors -> `likelihoods`, committed every few hundred answers
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from ray.data import ActorPoolStrategy

from ops.core.measure_schemas import LIKELIHOODS
from ops.core.schemas import EXAMPLES
from ops.evidence.likelihoods import LikelihoodTable, Question, trios
from ops.intake.image_checks import decode_rgb
from ops.text.image_turns import image_turns
from resources.config.encoder_settings import EncoderSettings
from resources.engines.progress import Progress
from resources.engines.ray import flushed, start_ray
from resources.engines.ray_types import dataset_of, made_tables, map_batches
from resources.engines.stalls import patiently
from resources.lake.lookup import by_key, one_each
from resources.lake.stored_images import stored_images
from resources.lake.tables import Lake
from resources.models.answer_model import Asked
from resources.models.likelihood import load_likelihood_model, model_identity
from resources.models.placement import place_encoder

#: Answers after which they are committed: what a kill costs at most.
FLUSH_ROWS = 512
_AT_ONCE = 64


@dataclass(frozen=True, slots=True)
class _Work:
    """Questions that are asked together."""

    questions: tuple[Question, ...]


def answer_delivery(
    lake: Lake, delivery: str, *, reference: str, batch: int, encoder: EncoderSettings, progress: Progress
) -> LikelihoodTable:
    """The likelihoods of the delivery's answers under the model at `reference`; asks only what is not in the lake. The
    model runs on the encoder's device and in its precision. LikelihoodError where it cannot be had."""
    model = model_identity(reference, encoder)
    questions = _questions(lake.read(EXAMPLES, where={"delivery": delivery}))
    known = set(_answered(lake, model, questions).to_pydict()["key"])
    # By pictures and then by words, so that what questions share is with one actor, which reads it once.
    asked = [question for key, question in questions.items() if key not in known]
    missing = sorted(asked, key=lambda question: (question.image_ids, question.query, question.key))
    if missing:
        _ask(lake, model, missing, reference=reference, batch=batch, encoder=encoder, progress=progress)
    rows = _answered(lake, model, questions).to_pydict()
    return LikelihoodTable.of(rows["key"], rows["nats"], rows["tokens"])


def _questions(examples: pa.Table) -> dict[str, Question]:
    asked = [trio for trio in trios(image_turns(examples)) if trio]
    every = [q for trio in asked for q in (trio.real, trio.missing, trio.swapped) if q]
    return {question.key: question for question in every}


def _answered(lake: Lake, model: str, questions: dict[str, Question]) -> pa.Table:
    return one_each(lake.read(LIKELIHOODS, where={"model": model, "key": list(questions)}), "key")


def _ask(
    lake: Lake,
    model: str,
    questions: list[Question],
    *,
    reference: str,
    batch: int,
    encoder: EncoderSettings,
    progress: Progress,
) -> None:
    start_ray()
    placed = place_encoder(encoder)
    device, needs = placed.settings.device, placed.needs or {"num_cpus": 1}
    work = [_Work(tuple(questions[at : at + _AT_ONCE])) for at in range(0, len(questions), _AT_ONCE)]
    answers = map_batches(
        dataset_of(work),
        _AnswerActor,
        fn_constructor_args=(lake, reference, device, placed.settings.precision, batch),
        compute=ActorPoolStrategy(size=placed.most if placed.on_gpu else 1),
        batch_size=1,
        batch_format="numpy",
        **needs,
    )
    label = "Ask the vision-language model"
    batches = patiently(made_tables(answers))
    for rows in flushed(batches, every=FLUSH_ROWS, progress=progress, label=label, total=len(questions)):
        _store(lake, model, rows)


def _store(lake: Lake, model: str, rows: pa.Table) -> None:
    rows = rows.append_column("model", pa.repeat(pa.scalar(model), rows.num_rows)).select(LIKELIHOODS.schema.names)
    lake.append(LIKELIHOODS, lake.stage(LIKELIHOODS, by_key(rows, LIKELIHOODS.key), {"model": model}))


class _AnswerActor:
    """A model of its own in a process of its own."""

    def __init__(self, lake: Lake, reference: str, device: str, precision: str, batch: int) -> None:
        self.lake, self.batch = lake, batch
        self.model = load_likelihood_model(reference, device=device, precision=precision)

    def __call__(self, work: dict[str, np.ndarray]) -> Iterator[dict[str, Any]]:
        for piece in work["item"]:
            yield self._answers(piece.questions)

    def _answers(self, questions: tuple[Question, ...]) -> dict[str, object]:
        ids = {image for question in questions for image in question.image_ids}
        pictures = {image: decode_rgb(data) for image, data in stored_images(self.lake, ids)}
        asked = [Asked(q.query, q.answer, tuple(pictures[i] for i in q.image_ids)) for q in questions]
        likelihoods = self.model.answers(asked, batch=self.batch)
        return {
            "key": np.array([question.key for question in questions]),
            "nats": np.array([answer.nats for answer in likelihoods], np.float64),
            "tokens": np.array([answer.tokens for answer in likelihoods], np.int32),
        }
