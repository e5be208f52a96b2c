"""How likely a vision-language model finds an answer, given the question and its pictures: any model and processor that
transformers loads with `AutoModelForImageTextToText`, from a folder or a hub.

The conversation is written by the model's own chat template: the pictures, then the question, then the answer. Only the
answer's tokens count; a token that holds the end of the prompt and the start of the answer belongs to the answer, what
the template puts behind the answer does not. Batches hold conversations of like length, padded on the right. The
pictures are encoded once for each answer: prefixes are not shared between the answers about one picture.
"""

import inspect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from transformers import AutoModelForImageTextToText, AutoProcessor

from ops.identity import fingerprint
from resources.encoder_source import file_hash
from resources.halving import in_halves

_FILES = ("*.json", "*.safetensors", "*.jinja", "*.model", "*.txt")
_DTYPES = {"fp64": torch.float64, "fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
#: Part of every identity: raised when the same weights would give other figures.
_REVISION = 1


class LikelihoodError(RuntimeError):
    """The vision-language model that was asked for cannot be had or used; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question about pictures (RGB; none is allowed) and the answer whose likelihood is wanted."""

    query: str
    answer: str
    images: tuple[Image.Image, ...] = ()


@dataclass(frozen=True, slots=True)
class AnswerLikelihood:
    """`nats`: log-likelihood of the answer (natural logarithm, summed over its `tokens`); NaN where the conversation is
    longer than the model reads."""

    nats: float
    tokens: int


@dataclass(frozen=True, slots=True)
class _Written:
    """A conversation as the template writes it, and its place in the input; `tokens` of it are the answer's, and `tail`
    follow them; `length` without what pictures expand to."""

    place: int
    text: str
    images: tuple[Image.Image, ...]
    adds_special: bool
    length: int
    tokens: int
    tail: int


def model_folder(reference: str) -> Path:
    """The folder of a model: as it is, or fetched from the hub by its name. LikelihoodError where neither is there."""
    folder = Path(reference).expanduser()
    if folder.is_dir():
        return folder
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(reference, allow_patterns=list(_FILES)))
    except Exception as error:
        reason = (str(error).strip().splitlines() or [repr(error)])[0][:300]
        raise LikelihoodError(
            f"the model {reference!r} is neither a folder nor to be had from the hub ({reason}); give the path of a "
            "folder with config.json, *.safetensors and the processor's files"
        ) from None


def likelihood_identity(reference: str, *, precision: str) -> str:
    """Name of the figures that this model gives: the hashes of its files, and the precision. Builds no model."""
    folder = model_folder(reference)
    files = sorted({path for pattern in _FILES for path in folder.glob(pattern)})
    hashes = [(path.name, file_hash(path)) for path in files]
    return f"vlm-{fingerprint(hashes, precision, _REVISION)}"


class VisionLanguageModel:
    """A model with its processor on a device."""

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

    @classmethod
    def load(cls, reference: str, *, device: str = "cpu", precision: str = "fp32") -> "VisionLanguageModel":
        """From a folder or a hub; weights as safetensors, and no code of the model's repository. LikelihoodError where
        it cannot be had."""
        folder = model_folder(reference)
        try:
            processor = AutoProcessor.from_pretrained(folder, trust_remote_code=False)
            model = AutoModelForImageTextToText.from_pretrained(
                folder, dtype=_DTYPES[precision], trust_remote_code=False, use_safetensors=True
            )
        except (OSError, ValueError, KeyError) as error:
            reason = (str(error).strip().splitlines() or [repr(error)])[0][:300]
            raise LikelihoodError(f"the model in {folder} cannot be loaded: {reason}") from error
        return cls(model, processor, device=device)

    def answers(self, asked: Sequence[Asked], *, batch: int = 8) -> list[AnswerLikelihood]:
        """The likelihood of each answer, in the order of `asked`."""
        found = [AnswerLikelihood(float("nan"), 0)] * len(asked)
        written = [self._written(place, one) for place, one in enumerate(asked)]
        for rows in _batches(written, batch):
            for row, nats in zip(rows, chain.from_iterable(in_halves(self._nats, rows, what="answers")), strict=True):
                found[row.place] = AnswerLikelihood(nats, row.tokens)
        return found

    def _written(self, place: int, one: Asked) -> _Written:
        query, answer = self._plain(one.query), self._plain(one.answer)
        content = [*({"type": "image"} for _ in one.images), {"type": "text", "text": query}]
        said = {"role": "assistant", "content": [{"type": "text", "text": answer}]}
        user = {"role": "user", "content": content}
        prompt = self.processor.apply_chat_template([user], add_generation_prompt=True, tokenize=False)
        whole = self.processor.apply_chat_template([user, said], tokenize=False)
        # The template may put a space or a line before the answer that the prompt for a generation lacks.
        lead = whole[len(prompt) :].partition(answer)[0] if whole.startswith(prompt) else ""
        text = prompt + (lead if not lead.strip() else "") + answer
        bos = self.tokenizer.bos_token
        adds_special = not (bos and text.startswith(bos))
        before, plain = self._ids(prompt, special=False), self._ids(text, special=False)
        shared = next((n for n, (a, b) in enumerate(zip(before, plain, strict=False)) if a != b), len(before))
        complete = self._ids(text, special=True) if adds_special else plain
        head = next(n for n in range(len(complete) - len(plain) + 1) if complete[n : n + len(plain)] == plain)
        tail = len(complete) - len(plain) - head
        return _Written(place, text, one.images, adds_special, len(complete), len(plain) - shared, tail)

    def _plain(self, text: str) -> str:
        """The text without the model's own tokens: what data says must not pass for a picture or a turn's end."""
        for token in self.reserved:
            text = text.replace(token, " ")
        return text

    def _ids(self, text: str, *, special: bool) -> list[int]:
        return self.tokenizer(text, add_special_tokens=special)["input_ids"]

    def _nats(self, rows: Sequence[_Written]) -> list[float]:
        inputs = self._inputs(rows)
        ids, lengths = inputs["input_ids"], inputs["attention_mask"].sum(1).tolist()
        if self.longest and max(lengths) > self.longest:
            fits = [length <= self.longest for length in lengths]
            kept = iter(self._nats([row for row, fit in zip(rows, fits, strict=True) if fit]) if any(fits) else ())
            return [next(kept) if fit else float("nan") for fit in fits]
        spans = [(n - row.tail - row.tokens, n - row.tail) for n, row in zip(lengths, rows, strict=True)]
        # The logits at a position speak of the next token.
        positions = sorted({at - 1 for start, end in spans for at in range(start, end)})
        logits = self._logits(inputs, torch.tensor(positions, device=self.device))
        where = {at: n for n, at in enumerate(positions)}
        found = []
        for row, (start, end) in enumerate(spans):
            scores = logits[row, [where[at - 1] for at in range(start, end)]]
            scores = scores if scores.dtype == torch.float64 else scores.float()
            found.append(float(scores.log_softmax(-1).gather(-1, ids[row, start:end, None]).sum()))
        return found

    def _logits(self, inputs: dict[str, torch.Tensor], positions: torch.Tensor) -> torch.Tensor:
        """(rows, positions, vocabulary): only those wanted are computed where the model has the choice."""
        if self.can_keep:
            return self.model(**inputs, logits_to_keep=positions, use_cache=False).logits
        return self.model(**inputs, use_cache=False).logits[:, positions]

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


def _batches(written: Sequence[_Written], size: int) -> Iterator[list[_Written]]:
    """Conversations of like length together; with and without pictures apart, for the processor takes all or none."""
    groups: dict[tuple[bool, bool], list[_Written]] = {}
    for row in written:
        if row.tokens:
            groups.setdefault((bool(row.images), row.adds_special), []).append(row)
    for rows in groups.values():
        rows.sort(key=lambda row: row.length)
        for start in range(0, len(rows), size):
            yield rows[start : start + size]
