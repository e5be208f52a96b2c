"""What a model's own opinion is worth beside annotators: CROWDLAB, and the model as one more annotator.

    uv venv ENV; uv pip install --python ENV cleanlab .; ENV/bin/python -m benchmarks.crowdlab

Made-up annotators (benchmarks/annotators.py) and a made-up model whose probabilities are right about themselves. Its
side is right as often as `model` says; CROWDLAB (Goh, Tkachenko and Mueller 2022) is given its probabilities.
cleanlab is no dependency of ours: an environment of its own has it.
"""

from dataclasses import replace

import numpy as np
from scipy.stats import norm

from benchmarks.annotators import Votes, cast_of, in_product, made_up, right
from ops.corpus.annotators import chosen, fit_majority

_DRAWS = 10


def opinion(votes: Votes, share: float, seed: int) -> np.ndarray:
    """The probability of yes of each question by a model that is right on that share."""
    apart = float(norm.ppf(share))
    score = np.random.default_rng(seed).normal(np.where(votes.truth == 1, apart, -apart), 1)
    return 1 / (1 + np.exp(-2 * apart * score))


def with_model(votes: Votes, probability: np.ndarray) -> Votes:
    """The votes with one more rater, the model, who has judged every question."""
    questions = np.arange(len(votes.truth))
    return replace(
        votes,
        question=np.concatenate([votes.question, questions]),
        rater=np.concatenate([votes.rater, np.full(len(questions), votes.raters)]),
        answer=np.concatenate([votes.answer, (probability > 0.5).astype(votes.answer.dtype)]),
    )


def by_product(votes: Votes, *, has_choice: bool = True) -> float:
    """The share that is right by the model that the product chooses for pairs, or by the majority."""
    cast = cast_of(votes)
    return right(in_product(votes, chosen(cast, has_classes=False) if has_choice else fit_majority(cast)), votes.truth)


def by_crowdlab(votes: Votes, probability: np.ndarray) -> float:
    """The share that is right by CROWDLAB's consensus."""
    from cleanlab.multiannotator import get_label_quality_multiannotator

    labels = np.full((len(votes.truth), votes.raters), np.nan)
    labels[votes.question, votes.rater] = votes.answer
    said_any = labels[:, ~np.isnan(labels).all(axis=0)]
    chances = np.stack([1 - probability, probability], axis=1)
    quality = get_label_quality_multiannotator(said_any, chances, verbose=False)["label_quality"]
    return float((quality["consensus_label"].to_numpy() == votes.truth).mean())


def main() -> None:
    """Prints the table."""
    print("| annotators | model | majority | chosen | chosen, the model a rater | CROWDLAB |")
    print("|---|--:|--:|--:|--:|--:|")
    for kind in ("alike", "unlike"):
        for each in (3, 5):
            for share in (0.6, 0.75, 0.9):
                figures: list[list[float]] = []
                for seed in range(_DRAWS):
                    votes = made_up(kind, seed, each=each)
                    probability = opinion(votes, share, seed)
                    own = [by_product(votes, has_choice=False), by_product(votes)]
                    own += [by_product(with_model(votes, probability)), by_crowdlab(votes, probability)]
                    figures.append(own)
                cells = " | ".join(f"{figure:.3f}" for figure in np.mean(figures, axis=0))
                print(f"| {kind}, {each} votes | {share} | {cells} |", flush=True)


if __name__ == "__main__":
    main()
