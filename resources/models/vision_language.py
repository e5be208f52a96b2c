"""Likelihoods by a vision-language model: any model and processor that transformers loads with
`AutoModelForImageTextToText`, from a folder or a hub.

The conversation is written by the model's own chat template: the pictures, then the question, then the answer. Only the
answer's tokens count; a token that holds the end of the prompt and the start of the answer belongs to the answer, what
the template puts behind the answer does not.

Conversations with the same pictures (the same objects in memory), and those without any that ask the same, are read
behind what they start with, which is read once (resources/models/shared_prefix.py), where that saves `fewest_saved`
tokens. The rest, and all where a model fails the trial of it that is made when it is loaded, are read whole, in
batches of like length, padded on the right.
"""

import inspect
import logging
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Any, cast

import numpy as np
import torch
from PIL import Image
from transformers import AutoModelForImageTextToText, AutoProcessor

from resources.models.answer_model import AnswerLikelihood, Asked, LikelihoodError, first_line, model_folder
from resources.models.answer_tokens import DTYPES, Span, common_length, padded, span_nats, wanted_logits
from resources.models.halving import in_halves
from resources.models.model_files import no_model_code, own_code
from resources.models.shared_prefix import SharedPrefix

#: Nats a token by which an answer behind a shared prefix may differ from the same answer read whole: rounding.
_ROUNDING = {torch.float64: 1e-6, torch.float32: 1e-4, torch.bfloat16: 0.05, torch.float16: 0.02}
#: One reading more takes a GPU about as long as a few hundred tokens more: what it saves must be more than that.
_FEWEST_SAVED = 256

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Written:
    """A conversation as the template writes it, and its place in the input; `span` of its tokens `ids`, in which each
    picture is as the template writes it, is the answer's."""

    place: int
    prompt: str
    text: str
    images: tuple[Image.Image, ...]
    adds_special: bool
    ids: tuple[int, ...]
    span: Span

    @property
    def tokens(self) -> int:
        return self.span[1] - self.span[0]


@dataclass(frozen=True, slots=True)
class _Begun:
    """What conversations start with, read; in their `ids` it is the first `cut` tokens."""

    prefix: SharedPrefix
    cut: int

    def length(self, row: _Written) -> int:
        """Tokens of a conversation that starts so, pictures counted."""
        return self.prefix.length + len(row.ids) - self.cut


class VisionLanguageModel:
    """A model with its processor on a device. `fewest_saved`: tokens that a shared prefix must save; infinite where the
    model cannot share. `shared`: answers read behind one so far."""

    def __init__(self, model: Any, processor: Any, *, device: str) -> None:
        self.model = model.eval().requires_grad_(False).to(device)
        self.processor = processor
        self.tokenizer = processor.tokenizer
        self.tokenizer.padding_side = "right"
        self.device = device
        added = {str(token) for token in self.tokenizer.added_tokens_decoder.values() if token.special}
        self.reserved = sorted(added | set(self.tokenizer.all_special_tokens), key=len, reverse=True)
        self.longest = int(getattr(model.config.get_text_config(), "max_position_embeddings", 0) or 0)
        self.can_keep = "logits_to_keep" in inspect.signature(model.forward).parameters
        if not getattr(processor, "chat_template", None):
            raise LikelihoodError(
                f"the processor of {model.config.name_or_path} has no chat template, so nobody knows how it wants to "
                "be asked; take a model that was tuned to converse"
            )
        self._try_template()
        self.fewest_saved: float = 1
        self.shared = 0
        if why := self._why_not_share():
            logger.warning("%s reads each answer with its pictures anew: %s", model.config.name_or_path, why)
        self.fewest_saved, self.shared = math.inf if why else _FEWEST_SAVED, 0

    @classmethod
    def load(cls, reference: str, *, device: str = "cpu", precision: str = "fp32") -> "VisionLanguageModel":
        """From a folder or a hub; weights as safetensors, and no code of the model's repository. LikelihoodError where
        it cannot be had."""
        folder = model_folder(reference)
        try:
            with no_model_code(offline=True):
                processor = AutoProcessor.from_pretrained(folder, trust_remote_code=False)
                model = AutoModelForImageTextToText.from_pretrained(
                    folder, dtype=DTYPES[precision], trust_remote_code=False, use_safetensors=True
                )
        except Exception as error:  # Whatever the files make some library raise.
            raise LikelihoodError(f"the model in {folder} cannot be loaded: {own_code(error)}") from error
        return cls(model, processor, device=device)

    def answers(self, asked: Sequence[Asked], *, batch: int = 8) -> list[AnswerLikelihood]:
        """The likelihood of each answer, in the order of `asked`; at most `batch` are read at once."""
        written = [self._written(place, question) for place, question in enumerate(asked)]
        likelihoods = [AnswerLikelihood(float("nan"), row.tokens) for row in written]
        for read, rows in self._work([row for row in written if row.tokens], batch):
            for row, nats in zip(rows, chain.from_iterable(in_halves(read, rows, noun="answers")), strict=True):
                likelihoods[row.place] = AnswerLikelihood(nats, row.tokens)
        return likelihoods

    def _work(
        self, written: Sequence[_Written], batch: int
    ) -> Iterator[tuple[Callable[[Sequence[_Written]], list[float]], list[_Written]]]:
        """Batches, and how each is read."""
        alone: list[_Written] = []
        for rows in _alike(written):
            begun = self._begun(rows)
            if begun is None:
                alone += rows
                continue
            self.shared += len(rows)
            fitting = [row for row in rows if not self.longest or begun.length(row) <= self.longest]
            for part in _batches(fitting, batch):
                yield partial(self._followed, begun), part
        # With and without pictures apart, for the processor takes all or none.
        for kind in {(bool(row.images), row.adds_special): None for row in alone}:
            rows = [row for row in alone if (bool(row.images), row.adds_special) == kind]
            for part in _batches(rows, batch):
                yield self._whole, part

    def _written(self, place: int, question: Asked) -> _Written:
        query, answer = self._plain(question.query), self._plain(question.answer)
        content = [*({"type": "image"} for _ in question.images), {"type": "text", "text": query}]
        response = {"role": "assistant", "content": [{"type": "text", "text": answer}]}
        user = {"role": "user", "content": content}
        prompt = self.processor.apply_chat_template([user], add_generation_prompt=True, tokenize=False)
        whole = self.processor.apply_chat_template([user, response], tokenize=False)
        # The template may put a space or a line before the answer that the prompt for a generation lacks.
        lead = whole[len(prompt) :].partition(answer)[0] if whole.startswith(prompt) else ""
        text = prompt + (lead if not lead.strip() else "") + answer
        bos = self.tokenizer.bos_token
        adds_special = not (bos and text.startswith(bos))
        plain = self._ids(text, special=False)
        complete = self._ids(text, special=True) if adds_special else plain
        head = next(n for n in range(len(complete) - len(plain) + 1) if complete[n : n + len(plain)] == plain)
        span = (head + common_length([self._ids(prompt, special=False), plain]), head + len(plain))
        return _Written(place, prompt, text, question.images, adds_special, tuple(complete), span)

    def _try_template(self) -> None:
        """LikelihoodError where the chat template, which runs in a sandbox, does not write a plain conversation."""
        try:
            self._written(0, Asked("Is it day?", "Day"))
        except Exception as error:  # A template raises what it likes.
            raise LikelihoodError(
                f"the chat template of {self.model.config.name_or_path} cannot be used: {first_line(error)}; take a "
                "model whose template writes a question and its answer"
            ) from error

    def _plain(self, text: str) -> str:
        """The text without the model's own tokens: what data says must not pass for a picture or a turn's end."""
        for token in self.reserved:
            text = text.replace(token, " ")
        return text

    def _ids(self, text: str, *, special: bool) -> list[int]:
        return self.tokenizer(text, add_special_tokens=special)["input_ids"]

    def _begun(self, rows: Sequence[_Written]) -> _Begun | None:
        """What the rows start with; None where it saves too little, or is not read as it is written."""
        if len(rows) < 2 or self.fewest_saved == math.inf:
            return None
        first = rows[0].ids
        # The token before an answer is left to what follows, for its logits speak of the answer's first.
        cut = min(common_length([row.ids for row in rows]), *(row.span[0] - 1 for row in rows))
        inputs = self._inputs(rows[:1])
        read: list[int] = cast("Any", inputs["input_ids"][0]).tolist()
        length = len(read) - len(first) + cut
        if length * (len(rows) - 1) < self.fewest_saved or read[length:] != list(first[cut:]):
            return None
        if self.longest and length >= self.longest:
            return None
        with torch.inference_mode():
            keep = {"logits_to_keep": 1} if self.can_keep else {}
            return _Begun(SharedPrefix.read(self.model, inputs, length, **keep), cut)

    def _followed(self, begun: _Begun, rows: Sequence[_Written]) -> list[float]:
        """Log-likelihoods of answers behind what was read."""
        ids = padded([row.ids[begun.cut :] for row in rows], self.tokenizer.pad_token_id or 0).to(self.device)
        spans = [(row.span[0] - begun.cut, row.span[1] - begun.cut) for row in rows]
        positions = wanted_logits(spans)
        return span_nats(self._logits(partial(begun.prefix.follow, self.model, ids), positions), ids, spans, positions)

    def _whole(self, rows: Sequence[_Written]) -> list[float]:
        """Log-likelihoods of answers, each conversation read from its start."""
        inputs = self._inputs(rows)
        ids = inputs["input_ids"]
        lengths: list[int] = cast("Any", inputs["attention_mask"].sum(1)).tolist()
        if self.longest and max(lengths) > self.longest:
            fits = [length <= self.longest for length in lengths]
            kept = iter(self._whole([row for row, fit in zip(rows, fits, strict=True) if fit]) if any(fits) else ())
            return [next(kept) if fit else float("nan") for fit in fits]
        added = [length - len(row.ids) for length, row in zip(lengths, rows, strict=True)]
        spans = [(row.span[0] + more, row.span[1] + more) for more, row in zip(added, rows, strict=True)]
        positions = wanted_logits(spans)
        read = partial(self._read, **inputs, use_cache=False)
        return span_nats(self._logits(read, positions), ids, spans, positions)

    def _read(self, **inputs: object) -> torch.Tensor:
        return self.model(**inputs).logits

    def _logits(self, read: Callable[..., torch.Tensor], positions: list[int]) -> torch.Tensor:
        """(rows, positions, vocabulary): only those wanted are computed where the model has the choice."""
        wanted = torch.tensor(positions, device=self.device)
        return read(logits_to_keep=wanted) if self.can_keep else read()[:, wanted]

    def _inputs(self, rows: Sequence[_Written]) -> dict[str, torch.Tensor]:
        pictures = {"images": [list(row.images) for row in rows]} if rows[0].images else {}
        made = self.processor(
            text=[row.text for row in rows],
            **pictures,
            padding=True,
            return_tensors="pt",
            add_special_tokens=rows[0].adds_special,
        )
        dtype = next(self.model.parameters()).dtype
        return {
            name: value.to(self.device, dtype=dtype if value.is_floating_point() else value.dtype)
            for name, value in made.items()
            if isinstance(value, torch.Tensor)
        }

    def _why_not_share(self) -> str:
        """Tries shared prefixes on made-up pictures, in an order that would show a state that is left behind; what
        pictures change must stand out from the rounding, or the trial would tell nothing."""
        first = (Image.linear_gradient("L").resize((64, 48)).convert("RGB"),)
        second = (Image.radial_gradient("L").resize((48, 80)).convert("RGB"),)
        query, answers = "What does the picture show?", ("Snow.", "It is a red car.")
        asked = [Asked(query, answer, images) for images in (first, second, ()) for answer in answers]
        asked.append(Asked("Is it day or night?", "Day", first))
        try:
            together, shared = self.answers(asked), self.shared
            self.fewest_saved = math.inf
            alone = self.answers(asked)
        except Exception as error:  # Whatever a model of its own kind raises.
            return first_line(error)
        if not shared:
            return "its processor does not write a conversation as its tokenizer does"
        behind, apart = (np.array([answer.nats / answer.tokens for answer in row]) for row in (together, alone))
        far = float(abs(behind - apart).max())
        moved = float(np.ptp(apart[:-1].reshape(-1, len(answers)), axis=0).max())
        if far <= min(_ROUNDING[next(self.model.parameters()).dtype], moved / 10):
            return ""
        return (
            f"behind a shared prefix its answers differ by {far:.2g} nats a token; pictures change them by {moved:.2g}"
        )


def _alike(written: Sequence[_Written]) -> Iterator[list[_Written]]:
    """Conversations with the same pictures, or, without pictures, with the same prompt."""
    groups: dict[tuple[Any, ...], list[_Written]] = {}
    for row in written:
        shared = tuple(map(id, row.images)) or row.prompt
        groups.setdefault((shared, row.adds_special), []).append(row)
    yield from groups.values()


def _batches(rows: Sequence[_Written], size: int) -> Iterator[list[_Written]]:
    """Of like length."""
    ordered = sorted(rows, key=lambda row: len(row.ids))
    for start in range(0, len(ordered), size):
        yield ordered[start : start + size]
