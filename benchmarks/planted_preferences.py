"""Preference and SFT rows with faults planted in them, as ingest would leave them, and the texts they are made of."""

import random
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession

from ops.audits.reward_leaks import AUDIT
from ops.core.canonical import image_key, query_key, response_key
from ops.core.identity import digest
from ops.core.measure_schemas import EMBEDDINGS
from ops.core.schemas import EXAMPLES, IMAGES, PREFERENCES
from ops.core.vectors import Vectors
from ops.text.turn_rows import turn_rows

KINDS = ("is_flip", "is_good_and_bad", "in_cycle", "is_identical")
ANNOTATORS = 60

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
    """Rows of `examples`, `preferences` and `images`."""

    def __init__(self) -> None:
        self.examples: list[dict[str, Any]] = []
        self.preferences: list[dict[str, Any]] = []
        self.images: dict[str, dict[str, Any]] = {}

    def judge(self, image: str, query: str, sides: Iterable[tuple[str, str, str | None]], who: str) -> list[str]:
        """One example with a judgement for each (label, response, opponent); their ids."""
        sides = list(sides)
        # Ingest writes a pair as its chosen and its rejected response, and a judged response as one.
        roles = [(label if opponent else "response", response) for label, response, opponent in sides]
        example = self._example("preference", image, [("user", query), *roles])
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
        return self._example("sft", image, [("user", query), ("assistant", answer)])

    @property
    def table(self) -> pa.Table:
        """The examples (schemas.EXAMPLES)."""
        return pa.Table.from_pylist(self.examples, schema=EXAMPLES.schema)

    def frames(self, spark: SparkSession, vectors: Vectors | None = None) -> dict[str, DataFrame]:
        """As the audits read them."""
        known = [] if vectors is None else zip(vectors.ids, vectors.matrix, strict=True)
        messages = [
            {"encoder": "e", "modality": "text", "content_id": key.decode(), "vector": row.astype("<f2").tobytes()}
            for key, row in known
        ]
        tables = {
            "examples": self.table,
            **turn_rows(self.table),
            "preferences": pa.Table.from_pylist(self.preferences, schema=PREFERENCES.schema),
            "images": pa.Table.from_pylist(
                list(self.images.values()), schema=pa.schema([f for f in IMAGES.schema if f.name != "bytes"])
            ),
            "embeddings": pa.Table.from_pylist(messages, schema=EMBEDDINGS.schema),
            "arrivals": pa.table({"delivery": ["d"], "arrival": pa.array([0], pa.int32())}),
        }
        for keys in AUDIT.keys:
            tables[keys.spec.name] = keys.table(tables[keys.made_from.name], AUDIT.settings)
        return {name: spark.createDataFrame(table).repartition(4) for name, table in tables.items()}

    def _example(self, kind: str, image: str, turns: list[tuple[str, str]]) -> str:
        name = f"example {len(self.examples)}"
        messages = [{"role": role, "parts": [{"type": "text", "text": text}]} for role, text in turns]
        row = {"delivery": "d", "example_id": name, "source_id": name, "content_id": name, "kind": kind}
        self.examples.append(row | {"messages": messages, "image_ids": [image], "dataset": "planted"})
        return name


def planted_judgements(share: float, queries: int, rng: random.Random) -> tuple[Corpus, dict[str, set[str]]]:
    """Judgements without fault but for those that are planted, by kind."""
    corpus, planted = Corpus(), defaultdict(set)
    for n in range(queries):
        place = (f"image {n // 3}", f"question {n}")
        who = rng.sample(range(ANNOTATORS), 6)
        signed = [f"annotator {w}" for w in who]
        kind = rng.choice(KINDS) if rng.random() < share else None
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


def sentence(rng: random.Random, clauses: int = 2) -> str:
    """Clauses about what a picture shows."""

    def clause() -> str:
        thing, rival = rng.sample(_THINGS, 2)
        traits = rng.sample(sorted(_TRAITS), 2)
        return (
            f"a {traits[0]} {thing} {rng.choice(sorted(_DOINGS))} the {traits[1]} {rival} {rng.choice(sorted(_PLACES))}"
        )

    return f"In the picture {', and '.join(clause() for _ in range(clauses))}."


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
