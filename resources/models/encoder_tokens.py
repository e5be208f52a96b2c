"""Texts to token batches that fit a budget."""

from collections.abc import Callable, Iterator, Sequence

import torch
from tokenizers import Tokenizer

Batch = tuple[list[int], torch.Tensor]
Tokenize = Callable[[Sequence[str], int], Iterator[Batch]]
"""(texts, room) to batches of at most `room` tokens, padding counted: the texts' places, and their ids (n, length)."""


class MiniTokens:
    """Sorted by length and padded to the longest of a batch, so that little of a batch is padding."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.tokenizer = tokenizer

    def __call__(self, texts: Sequence[str], room: int) -> Iterator[Batch]:
        ids = [encoded.ids for encoded in self.tokenizer.encode_batch([_utf8(text) for text in texts])]
        rows: list[int] = []
        for row in sorted(range(len(ids)), key=lambda row: len(ids[row])):
            if rows and (len(rows) + 1) * len(ids[row]) > room:
                yield rows, _padded([ids[r] for r in rows])
                rows = []
            rows.append(row)
        if rows:
            yield rows, _padded([ids[r] for r in rows])


class FixedTokens:
    """open_clip's tokenizers, which fill every text up to the model's context."""

    def __init__(self, tokenizer: Callable[[list[str]], torch.Tensor]) -> None:
        self.tokenizer = tokenizer

    def __call__(self, texts: Sequence[str], room: int) -> Iterator[Batch]:
        if not texts:
            return
        context = self.tokenizer([""]).shape[1]
        at_once = max(1, room // context)
        for start in range(0, len(texts), at_once):
            chunk = [_utf8(text) for text in texts[start : start + at_once]]
            yield list(range(start, start + len(chunk))), self.tokenizer(chunk)


def _utf8(text: str) -> str:
    """Without lone surrogates, which tokenizers refuse."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _padded(ids: list[list[int]]) -> torch.Tensor:
    tokens = torch.zeros((len(ids), max(map(len, ids))), dtype=torch.int64)
    for row, text_ids in enumerate(ids):
        tokens[row, : len(text_ids)] = torch.tensor(text_ids)
    return tokens
