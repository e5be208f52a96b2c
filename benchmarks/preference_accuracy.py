"""How right the audits of preference data are, by how much is wrong: planted contradictions, raters and leaks.

    .venv/bin/python -m benchmarks.preference_accuracy [--queries 3000] [--seed 11]

Contradictions: for each share of 1, 5, 10 and 20 %, that share of the queries gets a flip, a response called good and
bad, a cycle of three, or identical responses, and that share of the annotators answers at random half of the time.
Precision and recall count judgements. The annotators' fitted reliability is held against the truth, beside the
baseline: how often each agrees with the majority of the votes. Of contested subjects whose true side is known, it is
counted how often the posterior and how often the plain majority is right, and how often each abstains.

Leaks: rejected responses become SFT targets verbatim, with 10 to 30 % of their words replaced, or paraphrased (words
replaced by synonyms, clauses turned round); sound targets are other texts about the same images and edited chosen ones.
Recall by kind, false alarms, each with a 95 % Wilson interval.
"""

import argparse
import json
import random
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession

from ops.accuracy import wilson
from ops.audits import contradictions, rejected_as_target, reward_leaks
from ops.canonical import image_key, query_key, response_key
from ops.corpus.judgements import sided
from ops.corpus.raters import reliability_of
from ops.identity import digest
from ops.schemas import EXAMPLES, PREFERENCES
from resources.spark import start_spark
from resources.spark_settings import SparkSettings

_KINDS = ("is_flip", "is_good_and_bad", "in_cycle", "is_identical")
_SHARES = (0.01, 0.05, 0.1, 0.2)
_ANNOTATORS = 60
_SOUND, _BAD = 0.97, 0.5

_THINGS = "dog cat horse bicycle lorry kettle lamp sofa window bridge boat tree child woman man baker guitar".split()  # noqa: SIM905
_TRAITS = {"large": "big", "small": "little", "quick": "fast", "bright": "vivid", "old": "aged", "pretty": "beautiful"}
_DOINGS = {
    "stands near": "is located by",
    "looks towards": "gazes at",
    "moves past": "passes",
    "rests beside": "lies by",
}
_PLACES = {"in the street": "on the road", "at the shore": "on the beach", "in the yard": "in the garden"}
_SYNONYMS = _TRAITS | _DOINGS | _PLACES


class Corpus:
    """Rows of `examples` and `preferences`, as ingest leaves them."""

    def __init__(self) -> None:
        self.examples: list[dict[str, Any]] = []
        self.preferences: list[dict[str, Any]] = []

    def judge(self, image: str, query: str, sides: Iterable[tuple[str, str, str | None]], who: str) -> list[str]:
        """One example with a judgement for each (label, response, opponent); their ids."""
        example = self._example("preference", image, [])
        ids = []
        for label, response, opponent in sides:
            ids.append(digest(example, label, response))
            self.preferences.append(
                {
                    "delivery": "d",
                    "judgement_id": ids[-1],
                    "example_id": example,
                    "dataset": "planted",
                    "image_ids": [image],
                    "query": query,
                    "response": response,
                    "label": label,
                    "opponent": opponent,
                    "annotator": who,
                    "image_key": image_key([image]),
                    "query_key": query_key(query),
                    "response_key": response_key(response),
                    "opponent_key": opponent and response_key(opponent),
                }
            )
        return ids

    def prefer(self, image: str, query: str, chosen: str, rejected: str, who: str) -> list[str]:
        """A comparison."""
        return self.judge(image, query, [("chosen", chosen, rejected), ("rejected", rejected, chosen)], who)

    def say(self, image: str, query: str, answer: str) -> str:
        """An SFT example of one turn; its id."""
        parts = [("user", query), ("assistant", answer)]
        said = [{"role": role, "parts": [{"type": "text", "text": text}]} for role, text in parts]
        return self._example("sft", image, said)

    def frames(self, spark: SparkSession) -> dict[str, DataFrame]:
        """As the audits read them."""
        rows = {"examples": (self.examples, EXAMPLES), "preferences": (self.preferences, PREFERENCES)}
        return {
            name: spark.createDataFrame(pa.Table.from_pylist(made, schema=spec.schema)).repartition(4)
            for name, (made, spec) in rows.items()
        }

    def _example(self, kind: str, image: str, messages: list[dict[str, Any]]) -> str:
        name = f"example {len(self.examples)}"
        row = {"delivery": "d", "example_id": name, "source_id": name, "content_id": name, "kind": kind}
        self.examples.append(row | {"messages": messages, "image_ids": [image], "dataset": "planted"})
        return name


def planted_judgements(share: float, queries: int, rng: random.Random) -> tuple[Corpus, dict[str, set[str]]]:
    """Judgements without fault but for those that are planted, by kind."""
    corpus, planted = Corpus(), defaultdict(set)
    for n in range(queries):
        place = (f"image {n // 3}", f"question {n}")
        who = rng.sample(range(_ANNOTATORS), 6)
        signed = [f"annotator {w}" for w in who]
        kind = rng.choice(_KINDS) if rng.random() < share else None
        if kind == "in_cycle":
            for winner, loser in ("ab", "bc", "ca"):
                planted[kind].update(corpus.prefer(*place, winner, loser, signed[0]))
        elif kind == "is_identical":
            planted[kind].update(corpus.prefer(*place, "A dog.", " a  dog.", signed[0]))
        elif kind == "is_good_and_bad":
            for label, name in (("good", signed[0]), ("bad", signed[1])):
                planted[kind].update(corpus.judge(*place, [(label, "a", None)], name))
        else:
            for name in signed[:3]:
                corpus_ids = corpus.prefer(*place, "a", "b", name)
                planted["is_flip"].update(corpus_ids if kind else ())
            if kind:
                planted["is_flip"].update(corpus.prefer(*place, "b", "a", signed[3]))
            corpus.prefer(*place, "b", "c", signed[4])
            corpus.judge(*place, [("good", "a", None)], signed[5])
    return corpus, planted


def contradiction_curve(spark: SparkSession, share: float, queries: int, seed: int) -> dict[str, Any]:
    """Precision and recall of each kind at one share."""
    corpus, planted = planted_judgements(share, queries, random.Random(seed))  # noqa: S311
    found = _measured(contradictions.AUDIT, corpus.frames(spark))
    told: dict[str, Any] = {"share": share}
    for kind in _KINDS:
        claimed = {row["judgement_id"] for row in found if row[kind]}
        right = len(claimed & planted[kind])
        told[kind] = {
            "planted": len(planted[kind]),
            "precision": round(right / len(claimed), 4) if claimed else None,
            "recall": round(right / len(planted[kind]), 4) if planted[kind] else None,
        }
    return told


def rater_curve(spark: SparkSession, share: float, queries: int, seed: int) -> dict[str, Any]:
    """How well reliabilities are recovered, and contested judgements resolved, with a share of bad annotators."""
    rng = random.Random(seed)  # noqa: S311
    bad = set(rng.sample(range(_ANNOTATORS), round(share * _ANNOTATORS)))
    corpus, votes, true = Corpus(), {}, {}
    for n in range(queries):
        place = (f"image {n // 3}", f"question {n}")
        votes[n] = {w: rng.random() < (_BAD if w in bad else _SOUND) for w in rng.sample(range(_ANNOTATORS), 4)}
        for w, right in votes[n].items():
            for judgement in corpus.prefer(*place, *(("a", "b") if right else ("b", "a")), f"annotator {w}"):
                true[judgement] = (n, right)
    frames = corpus.frames(spark)
    fitted = reliability_of(sided(frames["preferences"]), fit_judgements=10**7)
    truth = np.array([_BAD if w in bad else _SOUND for w in range(_ANNOTATORS)])
    model = np.array([fitted[f"annotator|annotator {w}"] for w in range(_ANNOTATORS)])
    agrees: dict[int, list[bool]] = defaultdict(list)
    for cast in votes.values():
        yes = sum(cast.values())
        for w, right in cast.items():
            if 2 * yes != len(cast):
                agrees[w].append(right == (2 * yes > len(cast)))
    majority = np.array([np.mean(agrees[w]) for w in range(_ANNOTATORS)])
    resolved = {true[row["judgement_id"]][0]: row for row in _measured(contradictions.AUDIT, frames) if row["is_flip"]}
    return {
        "bad_annotators": len(bad),
        "contested": len(resolved),
        "correlation": round(float(np.corrcoef(truth, model)[0, 1]), 4),
        "correlation_majority": round(float(np.corrcoef(truth, majority)[0, 1]), 4),
        "error": round(float(np.abs(truth - model).mean()), 4),
        "error_majority": round(float(np.abs(truth - majority).mean()), 4),
        **_resolutions(resolved, votes, true),
    }


def _resolutions(
    resolved: dict[int, dict[str, Any]], votes: dict[int, dict[int, bool]], true: dict[str, tuple[int, bool]]
) -> dict[str, Any]:
    """Of the contested subjects: how many are decided, and how many of those rightly, by posterior and by majority."""
    decided = right = by_majority = right_majority = 0
    for n, row in resolved.items():
        if row["side"] != "undecided":
            decided += 1
            right += (row["side"] == "upheld") == true[row["judgement_id"]][1]
        yes, count = sum(votes[n].values()), len(votes[n])
        if 2 * yes != count:
            by_majority += 1
            right_majority += 2 * yes > count
    return {
        "decided": decided,
        "decided_right": round(right / max(1, decided), 4),
        "majority_decided": by_majority,
        "majority_right": round(right_majority / max(1, by_majority), 4),
    }


def sentence(rng: random.Random) -> str:
    """Two clauses about what a picture shows."""

    def clause() -> str:
        one, other = rng.sample(_THINGS, 2)
        traits = rng.sample(sorted(_TRAITS), 2)
        return (
            f"a {traits[0]} {one} {rng.choice(sorted(_DOINGS))} the {traits[1]} {other} {rng.choice(sorted(_PLACES))}"
        )

    return f"In the picture {clause()}, and {clause()}."


def paraphrased(text: str) -> str:
    """The text in other words: synonyms, and the two clauses the other way round."""
    for word, other in _SYNONYMS.items():
        text = text.replace(word, other)
    first, second = text.removeprefix("In the picture ").rstrip(".").split(", and ")
    return f"Here {second}, while {first}."


def edited(text: str, share: float, rng: random.Random) -> str:
    """The text with a share of its words replaced by other things."""
    words = text.split()
    for n in rng.sample(range(len(words)), round(share * len(words))):
        words[n] = rng.choice([thing for thing in _THINGS if thing != words[n]])
    return " ".join(words)


def leak_curve(spark: SparkSession, share: float, queries: int, seed: int) -> dict[str, Any]:
    """Recall of each kind of leak, and false alarms by kind of sound target."""
    rng = random.Random(seed)  # noqa: S311
    corpus, kinds = Corpus(), {}
    leaks = ("verbatim", "edited 10 %", "edited 20 %", "edited 30 %", "paraphrased")
    for n in range(queries):
        place = (f"image {n}", "Describe the picture.")
        rejected, chosen = sentence(rng), sentence(rng)
        corpus.prefer(*place, chosen, rejected, "annotator 1")
        if rng.random() < share:
            kind = rng.choice(leaks)
            changed = float(kind.split()[1]) / 100 if kind.startswith("edited") else 0.0
            answer = paraphrased(rejected) if kind == "paraphrased" else edited(rejected, changed, rng)
        else:
            kind = rng.choice(("sound", "chosen, edited 10 %"))
            answer = sentence(rng) if kind == "sound" else edited(chosen, 0.1, rng)
        kinds[corpus.say(*place, answer)] = kind
    frames = corpus.frames(spark)
    found = {row["example_id"] for row in _measured(rejected_as_target.AUDIT, frames)}
    found |= {row["example_id"] for row in _measured(reward_leaks.AUDIT, frames) if row["is_near_rejected"]}
    told: dict[str, Any] = {"share": share}
    for kind in sorted(set(kinds.values())):
        of = [example for example, planted in kinds.items() if planted == kind]
        told[kind] = _share(len(found & set(of)), len(of))
    return told


def _share(part: int, whole: int) -> dict[str, Any]:
    """A share with its 95 % interval."""
    low, high = wilson(part / whole, whole)
    return {"of": whole, "found": round(part / whole, 4), "low": round(low, 4), "high": round(high, 4)}


def _measured(audit: Any, frames: dict[str, DataFrame]) -> list[dict[str, Any]]:
    return audit.measure(frames, audit.settings).toArrow().to_pylist()


def main() -> None:
    """Prints a line for each curve and share."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--queries", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=11)
    given = parser.parse_args()
    spark = start_spark(SparkSettings(cores=2, shuffle_partitions=4))
    for curve in (contradiction_curve, rater_curve, leak_curve):
        for share in _SHARES:
            found = curve(spark, share, given.queries, given.seed)
            print(curve.__name__, json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
