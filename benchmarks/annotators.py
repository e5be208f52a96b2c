"""Which model of annotators to trust: answers of two crowds whose truth is known, and annotators that are made up.

    .venv/bin/python -m benchmarks.annotators ../shared/data/crowd [--votes 1000000]

For questions with two answers, the models of the product (ops/corpus/annotators.py) and the one that it chooses by the
likelihood of held-out votes; for the crowd with four, which judgements do not have, the same by Dawid and Skene's
confusions as they are here. No truth is looked at. Twenty draws of made-up annotators each; ties of a majority count
half. A second table says of two answers how many questions each model decides at a probability of 0.8, and how many of
these rightly. `--votes` times the choice on so many made-up votes, beside the fit of one coin alone.
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
from ops.corpus.annotators import CLASS_WISE, Fitted, fit_class_wise, fit_majority, fit_one_coin
from ops.corpus.annotators import chosen as product_choice
from ops.corpus.glad import Glad, fit_glad

_ROUNDS = 100
_SMOOTHING = 1.0
_FOLDS = 5
_CLEAR = 0.8
_KINDS = (("alike", 5), ("unlike", 5), ("leaning", 5), ("hard", 5), ("hard", 12))
_NAMES = ("majority", "one coin", "class-wise", "GLAD", "chosen")


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


def in_product(votes: Votes, model: Fitted) -> np.ndarray:
    """What the product makes of the votes on two answers by that model: evidence for either (n, 2)."""
    own = cast_of(votes)
    if isinstance(model, Glad):
        odds = np.round(model.log_odds(own), 9)
        return np.stack([-odds, odds], axis=1)
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
    """Two answers; raters who are all alike, differ in how often they are right, or lean to one answer, and those who
    differ where 40 in 100 questions are so hard that a fifth of what they are better than chance is left."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 2, questions)
    yes, no = np.full(raters, 0.75), np.full(raters, 0.75)
    if kind in ("unlike", "hard"):
        yes = no = rng.choice([0.55, 0.95], raters)
    elif kind == "leaning":
        lean = rng.random(raters) < 0.7
        yes, no = np.where(lean, 0.55, 0.9), np.where(lean, 0.97, 0.7)
    question = np.repeat(np.arange(questions), each)
    rater = np.concatenate([rng.choice(raters, each, replace=False) for _ in range(questions)])
    chance = np.where(truth[question] == 1, yes[rater], no[rater])
    if kind == "hard":
        chance = np.where((rng.random(questions) < 0.4)[question], 0.5 + 0.2 * (chance - 0.5), chance)
    is_right = rng.random(len(question)) < chance
    return Votes(question, rater, np.where(is_right, truth[question], 1 - truth[question]), 2, truth)


FITS: tuple[Callable[[cast.Votes], Fitted], ...] = (
    fit_majority,
    fit_one_coin,
    fit_class_wise,
    fit_glad,
    partial(product_choice, has_classes=True),
)


def decided(evidence: np.ndarray, truth: np.ndarray) -> tuple[float, float]:
    """The share of the questions of known truth whose log-odds are those of _CLEAR or more, and of these that are
    right."""
    odds, is_yes = evidence[truth >= 0, 1], truth[truth >= 0] == 1
    clear = np.abs(odds) >= np.log(_CLEAR / (1 - _CLEAR))
    return float(clear.mean()), float(((odds > 0) == is_yes)[clear].mean())


def of_two(drawn: list[Votes]) -> tuple[list[float], np.ndarray, list[str]]:
    """By each model of the product and by the one it chooses: the shares that are right, those that are decided and of
    these are right (models, 2), the means over the draws; and the names of those chosen."""
    models = [[fit_model(cast_of(votes)) for fit_model in FITS] for votes in drawn]
    evidence = [[in_product(votes, model) for model in own] for votes, own in zip(drawn, models, strict=True)]
    rights = [[right(sides, votes.truth) for sides in own] for votes, own in zip(drawn, evidence, strict=True)]
    clear = [[decided(sides, votes.truth) for sides in own] for votes, own in zip(drawn, evidence, strict=True)]
    return np.mean(rights, axis=0).tolist(), np.mean(clear, axis=0), [own[-1].model for own in models]


def of_many(drawn: list[Votes]) -> tuple[list[float], list[str]]:
    """The shares that are right by the models here, of which GLAD is none, and the names of those chosen."""
    names = [chosen(votes) for votes in drawn]
    rights: list[list[float]] = []
    for votes, name in zip(drawn, names, strict=True):
        beliefs = {model: fit(votes, tie)[0] for model, tie in MODELS.items()} | {"majority": shares(votes)}
        own = [right(beliefs[model], votes.truth) for model in (*_NAMES[:3], name)]
        rights.append([*own[:3], np.nan, own[3]])
    return np.mean(rights, axis=0).tolist(), names


def table_row(name: str, figures: list[float], names: list[str]) -> str:
    """A row of the table: the share that is right by each model, and which were chosen how often."""
    cells = " | ".join("" if np.isnan(figure) else f"{figure:.3f}" for figure in figures)
    often = ", ".join(f"{model.replace('_', ' ')} {names.count(model)}" for model in sorted(set(names)))
    return f"| {name} | {cells} | {often} |"


def timed(count: int) -> str:
    """Seconds of the processor of each model's fit, and of the choice with its fit, on so many votes of two hundred
    annotators with hard questions among them."""
    votes = cast_of(made_up("hard", 0, questions=count // 12, raters=200, each=12))
    seconds: list[str] = []
    for name, fit_model in zip(_NAMES, FITS, strict=True):
        started = time.process_time()
        model = fit_model(votes)
        seconds.append(f"{name} {time.process_time() - started:.1f} s")
    return f"{count:,} votes: {', '.join(seconds)} ({model.model})"


def main(arguments: list[str]) -> None:
    """Prints the table."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--draws", type=int, default=20)
    parser.add_argument("--votes", type=int, default=0)
    options = parser.parse_args(arguments)
    print(f"| annotators | {' | '.join(_NAMES)} | which, of how many |")
    print("|---|---|---|---|---|---|---|")
    certain: dict[str, np.ndarray] = {}
    crowds = {name: [read(options.folder, name)] for name in ("duck", "face")}
    for kind, each in _KINDS:
        drawn = [made_up(kind, seed, each=each) for seed in range(options.draws)]
        crowds[f"made up, {kind}, {each} votes"] = drawn
    for name, drawn in crowds.items():
        if drawn[0].classes == 2:
            figures, certain[name], names = of_two(drawn)
        else:
            figures, names = of_many(drawn)
        print(table_row(name, figures, names), flush=True)
    print(f"| decided, and rightly | {' | '.join(_NAMES)} |")
    print("|---|---|---|---|---|---|")
    for name, own in certain.items():
        print(f"| {name} | {' | '.join(f'{share:.2f}, {of_these:.3f}' for share, of_these in own)} |")
    if options.votes:
        print(timed(options.votes))


if __name__ == "__main__":
    main(sys.argv[1:])
