"""SFT, then policy gradient: what a cell of the benchmark trains."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from benchmarks.downstream.model import ANSWER_WORDS, PAD, Model, Sights, Turns, Vocabulary

Reward = Callable[[str, str], float]


@dataclass(frozen=True, slots=True)
class Lengths:
    """How long is trained: chosen on clean rows of the train split, with other seeds than are reported."""

    steps: int = 400
    rows: int = 8
    rate: float = 5e-3
    rl_steps: int = 40
    rl_prompts: int = 16
    group: int = 8
    rl_rate: float = 3e-4


@dataclass(frozen=True, slots=True)
class Corpus:
    """Turns of rows in one array each; row n has those from `starts[n]` to `starts[n + 1]`."""

    turns: Turns
    starts: list[int]

    @classmethod
    def of(cls, rows: Sequence[tuple[Sequence[tuple[str, str]], int]], vocabulary: Vocabulary) -> "Corpus":
        """From the turns and the picture of each row."""
        asked = [(q, a, picture) for turns, picture in rows for q, a in turns]
        starts = [0]
        for turns, _ in rows:
            starts.append(starts[-1] + len(turns))
        return cls(encoded(asked, vocabulary), starts)

    def batch(self, rows: Sequence[int]) -> tuple[Turns, Tensor]:
        """The turns of these rows, and for each which of the rows it is of."""
        places = [torch.arange(self.starts[row], self.starts[row + 1]) for row in rows]
        owners = torch.cat([torch.full((len(place),), at) for at, place in enumerate(places)])
        return self.turns.at(torch.cat(places)), owners


def encoded(asked: Sequence[tuple[str, str, int]], vocabulary: Vocabulary) -> Turns:
    """Questions, answers and rows of `Sights.vectors` as numbers."""
    questions = torch.tensor([vocabulary.asked[q] for q, _, _ in asked], dtype=torch.long)
    answers = vocabulary.encode([a for _, a, _ in asked], ANSWER_WORDS, end=True)
    return Turns(questions, answers, torch.tensor([picture for _, _, picture in asked], dtype=torch.long))


def fine_tuned(
    corpus: Corpus,
    order: Sequence[int],
    weights: Sequence[float],
    *,
    vocabulary: Vocabulary,
    sights: Sights,
    lengths: Lengths,
) -> Model:
    """A model after SFT: `lengths.steps` steps through the rows in this order, again from the start where it ends, each
    row weighed. All models take as many steps, however many rows there are."""
    model = Model(vocabulary, sights.vectors)
    optimiser = torch.optim.AdamW(model.parameters(), lr=lengths.rate, weight_decay=1e-2, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, lengths.rate, total_steps=lengths.steps)
    weigh = torch.tensor(weights, dtype=torch.float32)
    for step in range(lengths.steps):
        rows = [order[(step * lengths.rows + at) % len(order)] for at in range(lengths.rows)]
        turns, owners = corpus.batch(rows)
        weight = weigh[torch.tensor(rows)][owners]
        losses = -model.log_probabilities(turns).sum(1) / (turns.answers != PAD).sum(1)
        loss = (losses * weight).sum() / weight.sum()
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        schedule.step()
    return model


def reinforced(
    model: Model,
    prompts: Turns,
    truths: Sequence[str],
    reward: Reward,
    *,
    vocabulary: Vocabulary,
    lengths: Lengths,
    gen: torch.Generator,
) -> None:
    """Trains the model further by GRPO (Shao et al., 2024) without a reference model: of each prompt a group of answers
    is drawn, and each is made likelier by its reward less the group's mean, over the group's spread."""
    optimiser = torch.optim.AdamW(model.parameters(), lr=lengths.rl_rate, weight_decay=0.0, fused=True)
    for _ in range(lengths.rl_steps):
        some = torch.randint(0, len(truths), (lengths.rl_prompts,), generator=gen).repeat_interleave(lengths.group)
        asked = prompts.at(some)
        written = model.write(asked.questions, asked.pictures, gen=gen)
        texts = vocabulary.decode(written)
        rewards = torch.tensor([reward(text, truths[at]) for text, at in zip(texts, some.tolist(), strict=True)])
        grouped = rewards.view(-1, lengths.group)
        advantages = ((grouped - grouped.mean(1, keepdim=True)) / (grouped.std(1, keepdim=True) + 1e-4)).flatten()
        drawn = Turns(asked.questions, written, asked.pictures)
        likely = model.log_probabilities(drawn).sum(1) / (written != PAD).sum(1)
        loss = -(advantages * likely).mean()
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
