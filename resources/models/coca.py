"""Likelihoods by a CoCa of open_clip: its captioning decoder, shown the picture, reads the question and then the answer
as one text, and the answer's tokens count.

Yu et al., "CoCa: Contrastive Captioners are Image-Text Foundation Models", 2022. Such a model was trained to write
captions, not to converse: there is no chat template, and no likelihood (NaN) of an answer about several pictures, for
the decoder is shown one, nor of a text longer than its context.

Without a picture it is shown a grey one, of the mean colour that pixels are normalised by: the decoder cannot do
without any, and the mean of pictures' embeddings, the other stand-in in use, would change with what else is delivered.
Each picture (the same object in memory) is encoded once for all questions about it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain

import torch
from open_clip import CoCa, SimpleTokenizer
from PIL import Image

from resources.models.answer_model import AnswerLikelihood, Asked, LikelihoodError, caption_error, caption_settings
from resources.models.answer_tokens import DTYPES, Span, common_length, padded, span_nats, wanted_logits
from resources.models.encoder import load_encoder
from resources.models.encoder_source import EncoderError
from resources.models.halving import in_halves
from resources.models.preprocessing import Preprocessing

#: Questions whose pictures are held encoded at once.
_HELD = 64


@dataclass(frozen=True, slots=True)
class _Text:
    """Question and answer as tokens, `span` of which are the answer's; its place in the input and its picture."""

    place: int
    ids: tuple[int, ...]
    span: Span
    image: Image.Image | None


class CaptionModel:
    """A CoCa on its device; `preprocessing` is that of its image tower."""

    def __init__(self, model: CoCa, tokenizer: SimpleTokenizer, preprocessing: Preprocessing) -> None:
        self.model = model
        self.tokenizer = tokenizer
        self.preprocessing = preprocessing
        self.longest = int(min(model.context_length, model.text.context_length))
        self.device = model.logit_scale.device
        self.dtype: torch.dtype = model.text.get_parameter("token_embedding.weight").dtype

    @classmethod
    def load(cls, reference: str, *, device: str = "cpu", precision: str = "fp32") -> "CaptionModel":
        """From a reference that starts with `open_clip:`. LikelihoodError where it cannot be had, or is no CoCa whose
        decoder sees only what stands before a word."""
        try:
            encoder = load_encoder(caption_settings(reference, device=device))
        except EncoderError as error:
            raise caption_error(reference, error) from error
        model, tokenizer = encoder.model, getattr(encoder.tokenize, "tokenizer", None)
        if not isinstance(model, CoCa):
            raise LikelihoodError(
                f"the model {reference!r} has no decoder that writes captions; take a CoCa, such as "
                "open_clip:coca_ViT-B-32:laion2b_s13b_b90k"
            )
        if not isinstance(tokenizer, SimpleTokenizer) or getattr(model.text, "attn_mask", None) is None:
            raise LikelihoodError(
                f"the text tower of {reference!r} sees what stands behind a word, so that it gives answers away; take "
                "a CoCa whose text tower is open_clip's own, such as coca_ViT-B-32"
            )
        # All of it: open_clip's own mixed precision leaves the query of the pooled tokens behind.
        return cls(model.to(DTYPES[precision]), tokenizer, encoder.preprocessing)

    def answers(self, asked: Sequence[Asked], *, batch: int = 8) -> list[AnswerLikelihood]:
        """The likelihood of each answer, in the order of `asked`; at most `batch` are read at once."""
        texts = [self._text(place, question) for place, question in enumerate(asked)]
        likelihoods = [AnswerLikelihood(float("nan"), text.span[1] - text.span[0]) for text in texts]
        readable = [
            text
            for text, question in zip(texts, asked, strict=True)
            if text.span[1] > text.span[0] and len(text.ids) <= self.longest and len(question.images) < 2
        ]
        first: dict[int, int] = {}
        for text in readable:
            first.setdefault(id(text.image), text.place)
        readable.sort(key=lambda text: first[id(text.image)])
        for start in range(0, len(readable), _HELD):
            held = readable[start : start + _HELD]
            towers = self._tower_outputs([text.image for text in held], batch)
            ordered = sorted(held, key=lambda text: len(text.ids))
            for at in range(0, len(ordered), batch):
                part = ordered[at : at + batch]
                nats = chain.from_iterable(in_halves(partial(self._nats, towers), part, noun="answers"))
                for text, value in zip(part, nats, strict=True):
                    likelihoods[text.place] = AnswerLikelihood(value, text.span[1] - text.span[0])
        return likelihoods

    def _text(self, place: int, question: Asked) -> _Text:
        before, whole = self._ids(question.query), self._ids(f"{question.query} {question.answer}")
        start = self.tokenizer.sot_token_id
        span = (1 + common_length([before, whole]), 1 + len(whole))
        return _Text(place, (start, *whole), span, question.images[0] if question.images else None)

    def _ids(self, text: str) -> list[int]:
        """Without the model's own tokens, which data must not pass for."""
        return [i for i in self.tokenizer.encode(text) if i not in self.tokenizer.all_special_ids]

    def _tower_outputs(
        self, images: Sequence[Image.Image | None], batch: int
    ) -> dict[int, tuple[torch.Tensor, torch.Tensor]]:
        """What the image tower makes of each picture: its latent and its tokens, by `id`."""
        distinct = list({id(image): image for image in images}.values())
        parts = [
            part
            for at in range(0, len(distinct), batch)
            for part in in_halves(self._encoded, distinct[at : at + batch], noun="images")
        ]
        return dict(zip(map(id, distinct), chain.from_iterable(parts), strict=True))

    def _encoded(self, images: Sequence[Image.Image | None]) -> list[tuple[torch.Tensor, torch.Tensor]]:
        made = self.model(torch.stack([self._pixels(image) for image in images]).to(self.device, self.dtype))
        return list(zip(made["image_features"], made["image_embs"], strict=True))

    def _pixels(self, image: Image.Image | None) -> torch.Tensor:
        """(3, height, width), normalised."""
        shape = self.preprocessing
        if image is None:
            return torch.zeros(3, shape.height, shape.width)
        pixels = torch.tensor(shape.pixels(image)).permute(2, 0, 1).double() / 255
        return (pixels - torch.tensor(shape.mean)[:, None, None]) / torch.tensor(shape.std)[:, None, None]

    def _nats(self, towers: dict[int, tuple[torch.Tensor, torch.Tensor]], texts: Sequence[_Text]) -> list[float]:
        latents, tokens = (
            torch.stack(column) for column in zip(*(towers[id(text.image)] for text in texts), strict=True)
        )
        # What fills a text up stands behind it, where no earlier token looks.
        ids = padded([text.ids for text in texts], self.model.pad_id).to(self.device)
        logits = self.model(None, ids, image_latent=latents, image_embs=tokens)["logits"]
        spans = [text.span for text in texts]
        positions = wanted_logits(spans)
        return span_nats(logits[:, positions], ids, spans, positions)
