"""The tokens of answers: where they lie in a text, and how likely a model's logits make them."""

from collections.abc import Sequence

import torch

DTYPES = {"fp64": torch.float64, "fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
Span = tuple[int, int]
"""Where an answer's tokens start and end in its row."""


def common_length(rows: Sequence[Sequence[int]]) -> int:
    """Tokens that all rows start with."""
    shortest = min(map(len, rows))
    return next((n for n in range(shortest) if len({row[n] for row in rows}) > 1), shortest)


def padded(rows: Sequence[Sequence[int]], fill: int) -> torch.Tensor:
    """(rows, length of the longest), filled up on the right."""
    tokens = torch.full((len(rows), max(map(len, rows))), fill, dtype=torch.int64)
    for n, row in enumerate(rows):
        tokens[n, : len(row)] = torch.tensor(row)
    return tokens


def wanted_logits(spans: Sequence[Span]) -> list[int]:
    """Positions, rising, whose logits speak of a token of any span: those at a position speak of the next token."""
    return sorted({at - 1 for start, end in spans for at in range(start, end)})


def span_nats(logits: torch.Tensor, ids: torch.Tensor, spans: Sequence[Span], positions: Sequence[int]) -> list[float]:
    """Log-likelihood of each row's span, natural logarithm.

    `logits` (rows, positions, vocabulary) are those at `positions` (see `wanted_logits`), `ids` (rows, length) the
    tokens, `spans` one a row.
    """
    where = {at: n for n, at in enumerate(positions)}
    nats: list[float] = []
    for row, (start, end) in enumerate(spans):
        scores = logits[row, [where[at - 1] for at in range(start, end)]]
        scores = scores if scores.dtype == torch.float64 else scores.float()
        nats.append(float(scores.log_softmax(-1).gather(-1, ids[row, start:end, None]).sum()))
    return nats
