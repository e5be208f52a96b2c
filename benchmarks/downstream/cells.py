"""One cell of the benchmark: a condition, what was done about it, and a seed; trained and tried."""

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from benchmarks.downstream.curate import curated
from benchmarks.downstream.drops import Planted, blind_turn, pictures_of, train_pictures, write_drop
from benchmarks.downstream.model import Model, Sights, Turns, Vocabulary
from benchmarks.downstream.rewards import flawed, honest, is_hacked
from benchmarks.downstream.training import Corpus, Lengths, encoded, fine_tuned, reinforced
from ops.demo.pictures import Picture

REINFORCED = ("none", "random", "assay", "oracle", "assay mixed")
ORDERED = {"assay": "random", "assay mixed": "random", "assay curriculum": "own", "assay reversed": "reversed"}
_PASSES = 40
"""Shuffled passes that are laid out, more than any training goes through."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """Conversations of a drop; pictures that models are tried on, and those that prompts of RL are about."""

    rows: int = 600
    tried: int = 150
    prompts: int = 200
    drawn: int = 1000
    """Questions that an answer is drawn for, to count incidents."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What models are tried on: questions with their picture, and with another of other shape and colour; questions
    that give their answer away."""

    turns: Turns
    truths: list[str]
    swapped: torch.Tensor
    texts: Turns
    text_truths: list[str]


class Bench:
    """A condition, ready to be trained on."""

    def __init__(self, folder: Path, condition: str, *, sizes: Sizes, lengths: Lengths, data_seed: int) -> None:
        self.work, self.condition, self.lengths, self.sizes = folder / condition, condition, lengths, sizes
        self.work.mkdir(parents=True, exist_ok=True)
        self.planted: Planted = write_drop(self.work / "drop", condition, size=sizes.rows, seed=data_seed)
        pictures = train_pictures()
        rng = random.Random(data_seed)  # noqa: S311 - a seeded measurement
        rng.shuffle(pictures)
        tried, prompted = pictures[: sizes.tried], pictures[sizes.tried : sizes.tried + sizes.prompts]
        self.ids = sorted(self.planted.rows)
        rows = [self.planted.rows[one] for one in self.ids]
        blind = [blind_turn(picture.possible[0], rng) for picture in tried]
        asked = [turn for one in (*rows, *tried, *prompted) for turn in one.turns]
        self.vocabulary = Vocabulary([q for q, _ in (*asked, *blind)], [a for _, a in (*asked, *blind)])
        paths = pictures_of(sizes.rows, data_seed)
        self.sights = Sights(folder / "sights.npz", [*paths, *(picture.path for picture in (*tried, *prompted))])
        self.corpus = Corpus.of(
            [(row.turns, self.sights.place(row.picture.path if row.picture else None)) for row in rows], self.vocabulary
        )
        self.trial = self._trial(tried, blind)
        self.prompts, self.truths = self._encoded(prompted)

    def _encoded(self, pictures: Sequence[Picture]) -> tuple[Turns, list[str]]:
        asked = [(q, a, self.sights.place(picture.path)) for picture in pictures for q, a in picture.turns]
        return encoded(asked, self.vocabulary), [answer for _, answer, _ in asked]

    def _trial(self, tried: Sequence[Picture], blind: Sequence[tuple[str, str]]) -> Trial:
        turns, truths = self._encoded(tried)
        swapped: list[int] = []
        for at, picture in enumerate(tried):
            own = picture.possible[0]
            others = (one for one in (*tried[at + 1 :], *tried[:at]))
            other = next(o for o in others if o.possible[0].shape != own.shape and o.possible[0].colour != own.colour)
            swapped += [self.sights.place(other.path)] * len(picture.turns)
        texts = encoded([(q, a, 0) for q, a in blind], self.vocabulary)
        return Trial(turns, truths, torch.tensor(swapped), texts, [answer for _, answer in blind])

    def rows(self, variant: str, seed: int) -> tuple[list[int], list[float]]:
        """The order in which rows are gone through, and the weight of each row."""
        rng = random.Random(seed)  # noqa: S311
        weights, members = [1.0] * len(self.ids), list(range(len(self.ids)))
        if variant in ORDERED:
            version = curated(self.work, mix=variant == "assay mixed")
            weights = [version.weights.get(one, 0.0) for one in self.ids]
            places = {one: at for at, one in enumerate(self.ids)}
            if ORDERED[variant] != "random":
                return [places[one] for one in version.orders[ORDERED[variant]]], weights
            members = [at for at in members if self.ids[at] in version.weights]
        elif variant == "random":
            members = rng.sample(members, len(curated(self.work).weights))
        elif variant == "oracle":
            members = [at for at in members if self.ids[at] not in self.planted.bad]
        return [at for _ in range(_PASSES) for at in rng.sample(members, len(members))], weights

    def cell(self, variant: str, seed: int) -> dict[str, object]:
        """Trained and tried: figures after SFT, and after RL with each reward."""
        began = time.process_time()
        torch.manual_seed(seed)
        order, weights = self.rows(variant, seed)
        model = fine_tuned(
            self.corpus, order, weights, vocabulary=self.vocabulary, sights=self.sights, lengths=self.lengths
        )
        results: dict[str, object] = {"sft": self.figures(model, seed)}
        learnt = {name: tensor.clone() for name, tensor in model.state_dict().items()}
        for name, reward in (("flawed", flawed), ("honest", honest)) if variant in REINFORCED else ():
            model.load_state_dict(learnt)
            gen = torch.Generator().manual_seed(seed)
            reinforced(
                model,
                self.prompts,
                self.truths,
                reward,
                vocabulary=self.vocabulary,
                lengths=self.lengths,
                gen=gen,
            )
            results[name] = self.figures(model, seed)
        key = {"condition": self.condition, "variant": variant, "seed": seed, "rows": len(set(order))}
        return key | results | {"cpu_s": round(time.process_time() - began, 2)}

    def figures(self, model: Model, seed: int) -> dict[str, float]:
        """Shares of right answers with the picture, without, with another, and from the text alone; of drawn answers
        that begin with the truth, of incidents among them, and their mean length in words."""
        trial, vocabulary = self.trial, self.vocabulary
        turns = trial.turns

        def right(questions: torch.Tensor, pictures: torch.Tensor, truths: Sequence[str]) -> float:
            answers = vocabulary.decode(model.write(questions, pictures))
            return sum(honest(a, t) for a, t in zip(answers, truths, strict=True)) / len(truths)

        some = min(self.sizes.drawn, len(trial.truths))
        gen = torch.Generator().manual_seed(seed)
        drawn = vocabulary.decode(model.write(turns.questions[:some], turns.pictures[:some], gen=gen))
        hacked = [is_hacked(answer, truth) for answer, truth in zip(drawn, trial.truths, strict=False)]
        figures = {
            "accuracy": right(turns.questions, turns.pictures, trial.truths),
            "removed": right(turns.questions, torch.zeros_like(turns.pictures), trial.truths),
            "swapped": right(turns.questions, trial.swapped, trial.truths),
            "text_only": right(trial.texts.questions, trial.texts.pictures, trial.text_truths),
            "first_word": sum(a.split()[:1] == [t] for a, t in zip(drawn, trial.truths, strict=False)) / some,
            "hacked": sum(hacked) / some,
            "words": sum(len(answer.split()) for answer in drawn) / some,
        }
        figures["grounding"] = figures["accuracy"] - figures["swapped"]
        return {name: round(value, 4) for name, value in figures.items()}
