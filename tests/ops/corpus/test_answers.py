"""Contradictory answers in SFT data."""

from pyspark.sql import SparkSession

from ops.audits.sft_contradictions import AUDIT
from tests.support.corpora import Dialogue, by_source, frames


def asked(query: str, answer: str, source: str, drop: str = "one") -> Dialogue:
    return Dialogue(((query, answer),), source_id=source, drop=drop)


ROWS = [
    asked("Is it red?", "Yes", "yes 1"),
    asked("is it  RED?", "Yes, it is.", "yes 2"),
    asked("Is it red?", "no", "no"),
    asked("Is it red?", "no", "no", drop="no, delivered again"),
    asked("Is it red?", "The light makes it hard to tell from here.", "long"),
    asked("How many?", "two", "two"),
    asked("How many?", "2", "2"),
    asked("How many dogs?", "two", "two dogs"),
    asked("How many dogs?", "There are 3.", "three dogs"),
    asked("What is it?", "a dog", "dog"),
    asked("What is it?", "Brown dog", "brown dog"),
    asked("What runs?", "a dog", "dog runs"),
    asked("What runs?", "cat", "cat runs"),
    asked("Red?", "yes", "yes elsewhere"),
    asked("¿Qué animal hay en la foto?", "un perro", "perro"),
    asked("¿Qué animal hay en la foto?", "un can", "can"),
    asked("图片里有几只狗？", "2", "zh 2"),
    asked("图片里有几只狗？", "3", "zh 3"),
    asked("这辆车是什么颜色的？", "红", "zh red"),
    asked("这辆车是什么颜色的？", "红色", "zh red colour"),
    Dialogue((("Red?", "no"),), source_id="no elsewhere", image="another"),
]


def test_contradictory_answers_and_their_majority(spark: SparkSession) -> None:
    tables = frames(spark, ROWS)
    measures = by_source(AUDIT.measure(tables, None), tables["examples"])
    sides = {
        source: {(row["answer"], row["votes"], row["all_votes"], row["is_majority"]) for row in rows}
        for source, rows in measures.items()
    }
    assert sides == {
        "yes 1": {("yes", 2, 3, True)},
        "yes 2": {("yes", 2, 3, True)},
        "no": {("no", 1, 3, False)},
        "two dogs": {("2", 1, 2, None)},
        "three dogs": {("3", 1, 2, None)},
        "dog runs": {("dog", 1, 2, None)},
        "cat runs": {("cat", 1, 2, None)},
        "zh 2": {("2", 1, 2, None)},
        "zh 3": {("3", 1, 2, None)},
    }
    assert len(measures["no"]) == 2
    assert len({row["group_id"] for rows in measures.values() for row in rows}) == 4
