"""Which model of annotators to trust: answers of two crowds whose truth is known, and annotators that are made up.

    .venv/bin/python -m benchmarks.annotators ../shared/data/crowd [--votes 1000000]

For questions with two answers, the models of the product (ops/corpus/annotators.py) and the one that it chooses by the
likelihood of held-out votes; for the crowd with four, which judgements do not have, the same by Dawid and Skene's
confusions as they are here. No truth is looked at. Twenty draws of made-up annotators each; ties of a majority count
half. `--votes` times the choice on so many made-up votes, beside the fit of one coin alone.
"""

import sys
import time
from argparse import ArgumentParser
from collections.abc import Callable
from csv import DictReader
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from ops.corpus import votes as cast
from ops.corpus.annotators import CLASS_WISE, Annotators, fit_class_wise, fit_majority, fit_one_coin
from ops.corpus.annotators import chosen as product_choice

_ROUNDS = 100
_SMOOTHING = 1.0
_FOLDS = 5


@dataclass(frozen=True, slots=True)
class Votes:
    """Who said what of which question: numbers from 0 (n each), how many there are of each, and the truth of each
    question (-1: not known)."""

    question: np.ndarray
    rater: np.ndarray
    answer: np.ndarray
    classes: int
    truth: np.ndarray

    @property
    def raters(self) -> int:
        """How many annotators there are."""
        return int(self.rater.max()) + 1

    def only(self, which: np.ndarray) -> "Votes":
        """Some of the votes."""
        return Votes(self.question[which], self.rater[which], self.answer[which], self.classes, self.truth)


Tie = Callable[[np.ndarray], np.ndarray]
"""How counts of (rater, class, answer) are pooled before they become confusions."""


def shared(counts: np.ndarray) -> np.ndarray:
    """One chance of being right for all raters and classes."""
    return np.broadcast_to(one_coin(counts.sum(axis=0, keepdims=True)), counts.shape)


def one_coin(counts: np.ndarray) -> np.ndarray:
    """One chance of being right for each rater; wrong answers are as likely as each other."""
    classes = counts.shape[1]
    right = np.einsum("rcc->r", counts)
    total = counts.sum(axis=(1, 2))
    pooled = right.sum() / max(total.sum(), 1e-9)
    share = (right + 4 * _SMOOTHING * pooled) / (total + 4 * _SMOOTHING)
    wrong = ((1 - share) / (classes - 1))[:, None, None]
    return np.where(np.eye(classes, dtype=bool), share[:, None, None], wrong)


def class_wise(counts: np.ndarray) -> np.ndarray:
    """A row of chances for each rater and class, drawn towards that of all raters."""
    whole = counts.sum(axis=0) + 0.01
    prior = whole / whole.sum(axis=1, keepdims=True)
    rows = counts + 4 * _SMOOTHING * prior
    return rows / rows.sum(axis=2, keepdims=True)


def fit(votes: Votes, tie: Tie) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The belief in each class of each question, the confusions, and the share of the classes."""
    questions = len(votes.truth)
    belief = shares(votes)
    for _ in range(_ROUNDS):
        counts = np.zeros((votes.raters, votes.classes, votes.classes))
        np.add.at(counts.transpose(0, 2, 1), (votes.rater, votes.answer), belief[votes.question])
        confusion = np.clip(tie(counts), 1e-6, 1)
        prior = (belief.sum(axis=0) + 1) / (questions + votes.classes)
        logs = np.log(prior) + np.zeros_like(belief)
        np.add.at(logs, votes.question, np.log(confusion[votes.rater, :, votes.answer]))
        after = np.exp(logs - logs.max(axis=1, keepdims=True))
        after /= after.sum(axis=1, keepdims=True)
        moved = np.abs(after - belief).max()
        belief = after
        if moved < 1e-6:
            break
    return belief, confusion, prior


def shares(votes: Votes) -> np.ndarray:
    """The share of the answers of each question; all alike where it has none."""
    counts = np.zeros((len(votes.truth), votes.classes))
    np.add.at(counts, (votes.question, votes.answer), 1)
    total = counts.sum(axis=1, keepdims=True)
    return np.where(total > 0, counts / np.maximum(total, 1), 1 / votes.classes)


def held_out(votes: Votes, tie: Tie) -> np.ndarray:
    """Log-likelihood of each vote under the model that was fitted without its fold."""
    fold = np.random.default_rng(0).permutation(len(votes.answer)) % _FOLDS
    likelihood = np.zeros(len(votes.answer))
    for own in range(_FOLDS):
        test = np.flatnonzero(fold == own)
        rest = votes.only(fold != own)
        # Every rater keeps a row, whether or not votes of theirs are left.
        padded = Votes(rest.question, rest.rater, rest.answer, votes.classes, votes.truth)
        belief, confusion, _ = fit(padded, tie)
        known = votes.rater[test] < len(confusion)
        rows = confusion[np.minimum(votes.rater[test], len(confusion) - 1), :, votes.answer[test]]
        chances = (belief[votes.question[test]] * np.where(known[:, None], rows, 1 / votes.classes)).sum(axis=1)
        likelihood[test] = np.log(np.maximum(chances, 1e-9))
    return likelihood


MODELS: dict[str, Tie] = {"majority": shared, "one coin": one_coin, "class-wise": class_wise}


def chosen(votes: Votes) -> str:
    """The model with the greatest likelihood of held-out votes, if it is above the majority's by more than noise."""
    likelihood = {name: held_out(votes, tie) for name, tie in MODELS.items()}
    best = max(likelihood, key=lambda name: likelihood[name].mean())
    gain = likelihood[best] - likelihood["majority"]
    by_question = np.bincount(votes.question, gain, len(votes.truth))
    error = by_question.std() * len(by_question) ** 0.5
    return best if by_question.sum() > 2 * error else "majority"


def right(belief: np.ndarray, truth: np.ndarray) -> float:
    """The share of the questions of known truth whose strongest class it is; of n that tie each counts for 1 / n."""
    known = truth >= 0
    strongest = np.isclose(belief, belief.max(axis=1, keepdims=True))
    return float((strongest[known, truth[known]] / strongest[known].sum(axis=1)).mean())


def cast_of(votes: Votes) -> cast.Votes:
    """The votes on two answers as the product has them."""
    order = np.lexsort((votes.rater, votes.question))
    side = votes.answer[order] == 1
    return cast.Votes(votes.question[order], votes.rater[order], side, len(votes.truth), votes.raters)


def in_product(votes: Votes, model: Annotators) -> np.ndarray:
    """What the product makes of the votes on two answers by that model: evidence for either (n, 2)."""
    own = cast_of(votes)
    for_yes, for_no = model.weights
    odds = np.bincount(own.subject, np.where(own.side, for_yes[own.rater], -for_no[own.rater]), own.subjects)
    odds = np.round(odds + (model.prior_odds if model.model == CLASS_WISE else 0), 9)
    return np.stack([-odds, odds], axis=1)


def read(folder: Path, name: str) -> Votes:
    """The votes of a crowd, and the truth."""
    with (folder / f"{name}-answer.csv").open(encoding="utf-8", newline="") as file:
        rows = list(DictReader(file))
    with (folder / f"{name}-truth.csv").open(encoding="utf-8", newline="") as file:
        known = {row["question"]: row["truth"] for row in DictReader(file)}
    columns = [np.unique([row[key] for row in rows], return_inverse=True) for key in ("question", "worker", "answer")]
    (questions, question), (_, rater), (answers, answer) = columns
    place = {str(value): at for at, value in enumerate(answers)}
    truth = np.array([place.get(known.get(str(own), ""), -1) for own in questions])
    return Votes(question, rater, answer, len(answers), truth)


def made_up(kind: str, seed: int, *, questions: int = 400, raters: int = 30, each: int = 5) -> Votes:
    """Two answers; raters who are all alike, differ in how often they are right, or lean to one answer."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 2, questions)
    yes, no = np.full(raters, 0.75), np.full(raters, 0.75)
    if kind == "unlike":
        yes = no = rng.choice([0.55, 0.95], raters)
    elif kind == "leaning":
        lean = rng.random(raters) < 0.7
        yes, no = np.where(lean, 0.55, 0.9), np.where(lean, 0.97, 0.7)
    question = np.repeat(np.arange(questions), each)
    rater = np.concatenate([rng.choice(raters, each, replace=False) for _ in range(questions)])
    is_right = rng.random(len(question)) < np.where(truth[question] == 1, yes[rater], no[rater])
    return Votes(question, rater, np.where(is_right, truth[question], 1 - truth[question]), 2, truth)


def of_two(drawn: list[Votes]) -> tuple[list[float], list[str]]:
    """The shares that are right by each model of the product and by the one it chooses, and the names of these."""
    fits = (fit_majority, fit_one_coin, fit_class_wise, partial(product_choice, has_classes=True))
    models = [[fit_model(cast_of(votes)) for fit_model in fits] for votes in drawn]
    rights = [
        [right(in_product(votes, model), votes.truth) for model in own]
        for votes, own in zip(drawn, models, strict=True)
    ]
    return np.mean(rights, axis=0).tolist(), [own[-1].model for own in models]


def of_many(drawn: list[Votes]) -> tuple[list[float], list[str]]:
    """The same by the models here."""
    names = [chosen(votes) for votes in drawn]
    rights: list[list[float]] = []
    for votes, name in zip(drawn, names, strict=True):
        beliefs = {model: fit(votes, tie)[0] for model, tie in MODELS.items()} | {"majority": shares(votes)}
        rights.append([right(beliefs[model], votes.truth) for model in ("majority", "one coin", "class-wise", name)])
    return np.mean(rights, axis=0).tolist(), names


def table_row(name: str, drawn: list[Votes]) -> str:
    """A row of the table: the share that is right by each model, the mean over the draws."""
    figures, names = of_two(drawn) if drawn[0].classes == 2 else of_many(drawn)
    cells = " | ".join(f"{figure:.3f}" for figure in figures)
    often = ", ".join(f"{model.replace('_', ' ')} {names.count(model)}" for model in sorted(set(names)))
    return f"| {name} | {cells} | {often} |"


def timed(count: int) -> str:
    """Seconds of the choice, and of the fit of one coin, on so many votes of two hundred annotators."""
    votes = cast_of(made_up("unlike", 0, questions=count // 5, raters=200))
    started = time.perf_counter()
    fit_one_coin(votes)
    between = time.perf_counter()
    model = product_choice(votes, has_classes=True)
    ended = time.perf_counter()
    return f"{count:,} votes: one coin {between - started:.1f} s, choice {ended - between:.1f} s ({model.model})"


def main(arguments: list[str]) -> None:
    """Prints the table."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--draws", type=int, default=20)
    parser.add_argument("--votes", type=int, default=0)
    options = parser.parse_args(arguments)
    print("| annotators | majority | one coin | class-wise | chosen | which, of how many |")
    print("|---|---|---|---|---|---|")
    for name in ("duck", "face"):
        print(table_row(name, [read(options.folder, name)]), flush=True)
    for kind in ("alike", "unlike", "leaning"):
        print(table_row(f"made up, {kind}", [made_up(kind, seed) for seed in range(options.draws)]), flush=True)
    if options.votes:
        print(timed(options.votes))


if __name__ == "__main__":
    main(sys.argv[1:])
