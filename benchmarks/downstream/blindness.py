"""Ways of finding questions that need no picture, head to head on the same rows.

    OMP_NUM_THREADS=1 .venv/bin/python -m benchmarks.downstream.blindness --work FOLDER [--seeds 101 102]

easy-VQA (test split): conversations of one picture, and among them the share of `--shares` in which every answer is in
the question or is common knowledge (`plant.blind_conversations`); each question open, and with up to four options whose
letter is the answer (`choice`). Scored by turn, high where a turn looks blind:

- `pvi`: -pvi of the audit `visual_necessity`, mini encoder; `pvi text`: its `text_predictability`.
- `vlm gain`: how much less likely the answer is without the picture to the small model of `model.py`, the sign turned
  (as VisNec does); `vlm text`: how likely it is without. Fitted in two folds by conversation, on each row with its
  picture and without; no turn is scored by a model that saw it.
- `rotated`: options only; in how many of the rotations of its options the model chooses the same option with the
  picture and without; `rotated right`: in how many it is right without.
- `forest`, `logistic`: probability of the answer by classifiers of the question's words and pairs of words alone, in
  five folds by conversation (as TsT, the test-set stress test).

AUROC with the 95 % interval of 400 bootstraps of the turns, the seeds together. Cost: seconds of the processor for a
thousand turns, fitting included; of pvi without and with the vectors, which an Assay run makes in any case. A run goes
on where the last one ended (`FOLDER/*.npz`); nothing was chosen on the seeds that are reported.
"""

import argparse
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np
import torch
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline

from benchmarks.audit_accuracy import Embeddings, PicturedTurns, inputs_of, interval, measured
from benchmarks.downstream.choices import LETTERS, Choice, choice_of
from benchmarks.downstream.model import Model, Sights, Vocabulary, grams
from benchmarks.downstream.training import Corpus, Lengths, encoded, fine_tuned
from ops.core.accuracy import auroc
from ops.demo import plant
from ops.demo.pictures import load_pictures
from ops.demo.rows import one_conversation_each
from resources.config.encoder_settings import EncoderSettings
from resources.models.encoder import load_encoder

FORMS = ("open", "choice")
CONVERSATIONS = 400
_QUESTION_WORDS = 40


@dataclass(frozen=True, slots=True)
class Asked:
    """A turn: its conversation and picture, the question as it stands in the row, the answer, whether it was planted,
    and its options where it has any."""

    row: int
    picture: Path
    question: str
    answer: str
    is_blind: bool
    choice: Choice | None


def turns_of(share: float, form: str, seed: int, conversations: int) -> list[Asked]:
    """The turns of sound and planted conversations, shuffled by conversation."""
    rng = Random(seed)  # noqa: S311 - a seeded measurement
    pictures = rng.sample(load_pictures(), min(1000, conversations * 3 // 2))
    rows = one_conversation_each(pictures[:conversations])
    planted = plant.blind_conversations(
        one_conversation_each(pictures[conversations:]), round(share * conversations), rng
    )
    rows = rng.sample([*rows, *planted], len(rows) + len(planted))
    asked: list[Asked] = []
    for at, row in enumerate(rows):
        for question, answer in row.turns:
            choice = choice_of(question, answer, rng) if form == "choice" else None
            text, right = (choice.text(0), choice.letter(0)) if choice else (question, answer)
            assert row.picture is not None
            asked.append(Asked(at, row.picture.path, text, right, row.fault == "blind_questions", choice))
    return asked


Scores = dict[str, tuple[np.ndarray, float]]
"""By method a score of each turn (n; NaN where it has none), and the processor seconds that it took."""


def by_audit(asked: Sequence[Asked], embeddings: Embeddings) -> Scores:
    """What the audit measures."""
    rows: dict[int, list[Asked]] = defaultdict(list)
    for turn in asked:
        rows[turn.row].append(turn)
    examples = [
        PicturedTurns(tuple((o.question, o.answer) for o in turns), turns[0].picture, turns[0].is_blind)
        for _, turns in sorted(rows.items())
    ]
    began = time.process_time()
    inputs = inputs_of(examples, embeddings)
    embedded = time.process_time()
    measures = measured("visual_necessity", inputs)
    spent = time.process_time() - embedded
    starts = np.cumsum([0, *(len(turns) for _, turns in sorted(rows.items()))])
    places = starts[measures["row"].to_numpy()] + measures["turn"].to_numpy()
    scores: Scores = {}
    for name, column, sign in (("pvi", "pvi", -1), ("pvi text", "text_predictability", 1)):
        values = np.full(len(asked), np.nan)
        values[places] = sign * measures[column].to_numpy()
        scores[name] = (values, spent)
    return scores | {"vectors": (np.full(len(asked), np.nan), embedded - began)}


def by_model(asked: Sequence[Asked], sights: Sights, lengths: Lengths, seed: int) -> Scores:
    """What the small model makes of each turn, in two folds by conversation."""
    began = time.process_time()
    rotations = [turn.choice.text(n) for turn in asked if turn.choice for n in range(turn.choice.options)]
    vocabulary = Vocabulary(
        [*(turn.question for turn in asked), *rotations], [turn.answer for turn in asked], most=_QUESTION_WORDS
    )
    groups = np.array([turn.row for turn in asked])
    likely, without = np.zeros(len(asked)), np.zeros(len(asked))
    rotated, right = np.full(len(asked), np.nan), np.full(len(asked), np.nan)
    spent = 0.0
    for fold in (0, 1):
        torch.manual_seed(seed)
        inside = np.flatnonzero(groups % 2 == fold)
        model = _fitted([asked[at] for at in np.flatnonzero(groups % 2 != fold)], vocabulary, sights, lengths, seed)
        turns = encoded(
            [(asked[at].question, asked[at].answer, sights.place(asked[at].picture)) for at in inside], vocabulary
        )
        with torch.no_grad():
            likely[inside] = model.log_probabilities(turns).sum(1)
            without[inside] = model.log_probabilities(turns, pictures=torch.zeros_like(turns.pictures)).sum(1)
        asking = time.process_time()
        for at in inside if asked[0].choice else ():
            rotated[at], right[at] = _rotated(asked[at], model, vocabulary, sights)
        spent += time.process_time() - asking
    fitting = time.process_time() - began - spent
    scores: Scores = {"vlm gain": (without - likely, fitting), "vlm text": (without, fitting)}
    if asked[0].choice:
        scores |= {"rotated": (rotated, fitting + spent), "rotated right": (right, fitting + spent)}
    return scores


def _fitted(asked: Sequence[Asked], vocabulary: Vocabulary, sights: Sights, lengths: Lengths, seed: int) -> Model:
    """A model of these turns, each with its picture and without."""
    rows: dict[int, list[Asked]] = defaultdict(list)
    for turn in asked:
        rows[turn.row].append(turn)
    texts = [([(o.question, o.answer) for o in turns], sights.place(turns[0].picture)) for turns in rows.values()]
    texts += [(turns, 0) for turns, _ in texts]
    corpus = Corpus.of(texts, vocabulary)
    rng = Random(seed)  # noqa: S311
    order = [at for _ in range(40) for at in rng.sample(range(len(texts)), len(texts))]
    return fine_tuned(corpus, order, [1.0] * len(texts), vocabulary=vocabulary, sights=sights, lengths=lengths)


def _rotated(turn: Asked, model: Model, vocabulary: Vocabulary, sights: Sights) -> tuple[float, float]:
    """Of the rotations of a turn's options: in how many the choice is the same with the picture and without, and in how
    many it is right without."""
    assert turn.choice is not None
    count = turn.choice.options
    turns = encoded([(turn.choice.text(n), LETTERS[0], sights.place(turn.picture)) for n in range(count)], vocabulary)
    chosen = [
        vocabulary.decode(model.write(turns.questions, pictures))
        for pictures in (turns.pictures, torch.zeros_like(turns.pictures))
    ]
    same = np.mean([a == b for a, b in zip(*chosen, strict=True)])
    return float(same), float(np.mean([b == turn.choice.letter(n) for n, b in enumerate(chosen[1])]))


def by_words(asked: Sequence[Asked], seed: int) -> Scores:
    """What classifiers of the question's words make of the answer."""
    questions = np.array([turn.question for turn in asked])
    answers = np.array([turn.answer for turn in asked])
    groups = np.array([turn.row for turn in asked])
    scores: Scores = {}
    for name, classifier in (
        ("forest", RandomForestClassifier(100, min_samples_leaf=2, random_state=seed)),
        ("logistic", LogisticRegression(max_iter=300)),
    ):
        began = time.process_time()
        values = np.zeros(len(asked))
        for known, held in GroupKFold(5).split(questions, groups=groups):
            fitted = make_pipeline(CountVectorizer(analyzer=grams), classifier)
            fitted.fit(questions[known], answers[known])
            places = {answer: at for at, answer in enumerate(fitted.classes_)}
            chances = fitted.predict_proba(questions[held])
            values[held] = [chances[n, places[a]] if a in places else 0.0 for n, a in enumerate(answers[held].tolist())]
        scores[name] = (values, time.process_time() - began)
    return scores


def compared(
    work: Path, seeds: Sequence[int], shares: Sequence[float], *, conversations: int, lengths: Lengths
) -> Iterator[str]:
    """Lines of a Markdown table, a form and method each."""
    work.mkdir(parents=True, exist_ok=True)
    runs = {
        (form, share): [scored(work, form, share, seed, conversations, lengths) for seed in seeds]
        for form in FORMS
        for share in shares
    }
    yield f"| form | score | {' | '.join(f'AUROC at {share:.0%}' for share in shares)} | s a thousand |"
    yield f"|---|---|{'---|' * len(shares)}--:|"
    for form in FORMS:
        for name in [name for name in runs[form, shares[0]][0] if name != "blind"]:
            cells, costs = [], []
            for share in shares:
                bad, good = [], []
                for run in runs[form, share]:
                    values, known = run[name][:-1], ~np.isnan(run[name][:-1])
                    bad.append(values[known & run["blind"]])
                    good.append(values[known & ~run["blind"]])
                    costs.append(1000 * run[name][-1] / len(values))
                cells.append(interval(np.concatenate(bad), np.concatenate(good), auroc))
            # Vectors are kept between runs: the first run of all makes most of them.
            cost = max(costs) if name == "vectors" else np.mean(costs)
            yield f"| {form} | {name} | {' | '.join(cells)} | {cost:.1f} |"


def scored(
    work: Path, form: str, share: float, seed: int, conversations: int, lengths: Lengths
) -> dict[str, np.ndarray]:
    """By method the scores of all turns with the seconds after them, and under `blind` which turns were planted."""
    kept = work / f"{form}-{share}-{seed}.npz"
    if not kept.exists():
        asked = turns_of(share, form, seed, conversations)
        embeddings = Embeddings(load_encoder(EncoderSettings()), work)
        sights = Sights(work / "sights.npz", [picture.path for picture in load_pictures()])
        scores = by_audit(asked, embeddings) | by_model(asked, sights, lengths, seed) | by_words(asked, seed)
        arrays = {name: np.append(values, cost) for name, (values, cost) in scores.items()}
        np.savez(kept, allow_pickle=False, blind=np.array([turn.is_blind for turn in asked]), **arrays)
    return dict(np.load(kept))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[101, 102])
    parser.add_argument("--shares", type=float, nargs="+", default=[0.02, 0.05, 0.1, 0.2])
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(
        "\n".join(compared(options.work, options.seeds, options.shares, conversations=CONVERSATIONS, lengths=Lengths()))
    )


if __name__ == "__main__":
    main()
