"""What `reward_residue` (ops.text.reward_talk) finds of traces in forms that its rules were not written after, and what
of honest answers it takes for traces.

    .venv/bin/python -m benchmarks.judges_words --photos ../shared/data/photos

`TRACES` and `HONEST` were written down before the rules for traces inside a line, and nothing was tuned on them: what
is missed stays in. They are of the same author as the rules, though. Other parts are texts that nobody wrote for this:
the captions of the photos and all questions and answers of easy-VQA, where no alarm is due; then the captions with the
traces of `benchmarks.downstream.drops` behind them in turn, and the turns in which it plants them.
"""

import argparse
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from random import Random

import easy_vqa

from benchmarks.claims_accuracy import with_interval
from benchmarks.downstream.drops import JUDGES_LINES, rows_of
from ops.text.reward_talk import reward_residue

Pair = tuple[str, str]
"""A question and its answer."""

TRACES: tuple[Pair, ...] = (
    ("What color is the shape?", "Blue (score=0.75)"),
    ("What is in the picture?", "Two dogs. 9/10, accurate and concise."),
    ("Is there a car?", "yes [reward: +1.0]"),
    ("Describe the image.", "A man rides a horse. I'd give this a 7/10."),
    ("Is the sky clear?", "no, grade: B+"),
    ("What color is the bus?", "Score 3 | The bus is yellow."),
    ("Describe the image.", "4/5: The boy holds a kite."),
    ("What is on the table?", "A plate of food rm_score 2.31"),
    ("What color is the circle?", "The circle is teal. Helpfulness 4, correctness 5"),
    ("What shape is present?", "rectangle -- judged correct"),
    ("Describe the image.", "This response is helpful and correct. A dog on a beach."),
    ("What color is the door?", "Red. This answer deserves a 9."),
    ("How many cups are there?", "three ★★★★☆"),
    ("What is parked there?", "An old car (preferred)"),
    ("Where is this?", "a tennis court [chosen]"),
    ("Describe the image.", "A cat asleep. Verdict: correct"),
    ("Describe the image.", "The woman is smiling. r=0.82"),
    ("What color is the dog?", "brown, rated 8 of 10"),
    ("Describe the image.", "Quality: 4. A train at the station."),
    ("How many people are there?", "There are two people. Final score: four out of five"),
    ("Which room is this?", "a kitchen #reward=1"),
    ("On which side is the lamp?", 'Left {"score": 0.9}'),
    ("Is it raining?", "yes <score>4</score>"),
    ("What animal is this?", "A bird. The annotators preferred this answer."),
    ("What is he eating?", "pizza | win rate 0.63"),
    ("What is in the street?", "The previous answer scores 0.4. A blue car."),
    ("What are they doing?", "surfing  (rating 5 of 5)"),
    ("Describe the image.", "A clock tower. 10/10"),
    ("What color is the leaf?", "green. Overall 6.5/10"),
    ("Describe the image.", "A street at night. Points awarded: 8"),
)
HONEST: tuple[Pair, ...] = (
    ("How did the match end?", "The score is 5 to 3."),
    ("Describe the picture.", "Player 9 scored 2 goals."),
    ("What does the sign say?", "score 5"),
    ("What does the page of the hotel show?", "A hotel by the sea, rated 4.5 stars."),
    ("What is the notice on the pole about?", "The reward for the lost dog is $100."),
    ("What hangs on the wall?", "a reward poster"),
    ("Describe the image.", "A basketball game. The scoreboard reads home 7, guests 5."),
    ("What is on the screen?", "A game that is over, with a score of 10."),
    ("What does the phone show?", "The page of an app with a rating of 4.7 out of 5."),
    ("What is on the desk?", "A math test with the grade 9/10."),
    ("What did she get in the test?", "A score of 8 out of 10."),
    ("What is the teacher doing?", "She gives the children a reward for good grades."),
    ("What is written on the poster?", "Wanted. Reward 5,000 dollars"),
    ("What is written on the old paper?", "WANTED dead or alive. Reward 1000"),
    ("What did the critics say, after this page?", "They gave the film 3/5."),
    ("What is in the window of the takeaway?", "A green sticker that says: food hygiene rating 5"),
    ("What is happening?", "He is about to score. The clock reads 0:09."),
    ("How much of the pizza is left?", "4/5"),
    ("When is the ticket valid?", "9/10"),
    ("Describe the game.", "The Tigers lead by a score of 7 to 4."),
    ("What is the dog getting?", "a reward"),
    ("What do the jury hold up?", "Cards with the scores 9, 8 and 10."),
    ("Describe the picture.", "A diver in the air. The judges hold up a score of 9.5"),
    ("What does the letter say?", "Your credit score: 720"),
    ("What is on the bottle?", "A label with the words great quality, 1 litre."),
    ("What is stamped on the bolt?", "grade 8"),
    ("Which box is ticked on the form?", "The preferred answer, B."),
    ("What does the arcade machine show?", "A spaceship and the line SCORE 9"),
    ("Who is ahead?", "The team in red. The board shows a score of 4/5 in the shoot-out."),
    ("Describe the image.", "A man sits at a table with a sheet of paper. Score: 3 goals against 1."),
)


def known(pairs: Iterable[Pair]) -> Iterator[tuple[Pair, str]]:
    """The pairs whose answer is taken for one with a trace, each with what was found."""
    for query, answer in pairs:
        residue = reward_residue(answer, query)
        if residue is not None:
            yield (query, answer), f"{residue.kind}: {residue.text}"


def captions(photos: Path) -> list[Pair]:
    """The captions, as answers to a request to describe the photo."""
    lines = (photos / "captions.jsonl").read_text("utf-8").splitlines()
    return [("Describe the image.", caption) for line in lines for caption in json.loads(line)["captions"]]


def drawn_shapes() -> list[Pair]:
    """Each question of easy-VQA with its answer, once."""
    pairs: set[Pair] = set()
    for questions, answers, _ in (easy_vqa.get_train_questions(), easy_vqa.get_test_questions()):
        pairs.update(zip(questions, answers, strict=True))
    return sorted(pairs)


def judged(pairs: Iterable[Pair]) -> list[Pair]:
    """The same with a judge's line behind each answer, in turn."""
    return [(query, f"{answer} {JUDGES_LINES[at % len(JUDGES_LINES)]}") for at, (query, answer) in enumerate(pairs)]


def planted(seed: int) -> list[Pair]:
    """The turns that the drop of the condition `preference` has with a trace behind the answer."""
    rows, _ = rows_of("preference", 600, Random(seed))  # noqa: S311 - a seeded measurement
    return [turn for row in rows if row.fault == "reward_trace" for turn in row.turns]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=11)
    options = parser.parse_args()
    parts = {
        "traces in other forms": TRACES,
        "honest answers": HONEST,
        "captions of the photos": captions(options.photos),
        "questions of easy-VQA with their answers": drawn_shapes(),
        "captions with a judge's line behind": judged(captions(options.photos)),
        "turns with a planted trace": planted(options.seed),
    }
    print("| answers | taken for one with a trace |\n|---|---|")
    hits_of = {name: dict(known(pairs)) for name, pairs in parts.items()}
    for name, pairs in parts.items():
        hits = sum(pair in hits_of[name] for pair in pairs)
        print(f"| {name} | {with_interval(hits, len(pairs))} |")
    traces, honest = hits_of["traces in other forms"], hits_of["honest answers"]
    print("\nmissed:", *(pair[1] for pair in TRACES if pair not in traces), sep="\n  ")
    print("\nfalse alarms:", *(f"{pair[1]} ({kind})" for pair, kind in honest.items()), sep="\n  ")


if __name__ == "__main__":
    main()
