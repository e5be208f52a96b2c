"""Canaries of the corpus: found among it by the audits that look for them, and in no table but as counts."""

import io
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image
from pyspark.sql import SparkSession

from ops.audits.registry import all_audits
from ops.canaries.comparisons import ANSWERED, KINDS
from ops.canaries.copies import COPIED, REENCODED, RETOLD, REWORDED, retold_copy
from ops.canaries.outcome import ANY
from ops.canaries.pairs import (
    EXCHANGED,
    EXCHANGED_IMAGE,
    EXCHANGED_QUERY,
    NEAR_REJECTED,
    REJECTED,
    asked_otherwise,
)
from ops.canaries.prompts import OTHER_TRUTH, TAUGHT
from ops.canaries.rows import MARK
from ops.core.canonical import image_key, query_key
from ops.core.identity import image_id, text_id
from ops.core.measure_schemas import CANARIES, CANARY_CHANCES, CANARY_RULES, EMBEDDINGS
from ops.core.schemas import EXAMPLES, IMAGES, PREFERENCES, PROMPTS
from ops.core.tables import TABLES
from ops.decision.policy import Action, Condition, Policy, Rule
from ops.intake.image_checks import check_image
from ops.intake.rows import IngestSettings
from ops.text.likeness import compared_texts
from ops.text.turn_rows import TURN_RULES, TURN_TABLES, turns_of
from resources.config.settings import Settings, load_settings
from resources.gates.canaries import latest_canaries
from resources.gates.gates import measures_gate
from resources.lake.tables import Lake
from resources.measuring.corpus import corpus_identities, measure_corpus
from resources.measuring.corpus_canaries import (
    CorpusFlight,
    compared_audits,
    fly_corpus_canaries,
    missing_corpus_flight,
)
from resources.measuring.recorded import record_embedded
from tests.support.corpora import Dialogue, Judged, example, tables, unit

pytestmark = pytest.mark.timeout(900)
ENCODER = "none"
WORDS = [f"word{n}" for n in range(400)]
SFT, PAIRS = 12, 8
TRUTHS = ("B", "12", "yes", "red")
#: The shipped policy acts on no audit of these.
SOFT = (
    Rule("soft", "soft_contradictions", (Condition("opposed", ">=", 1),), Action.HOLD, "reason"),
    Rule("alike", "semantic_duplicates", (Condition("text_cosine", ">=", 0.9),), Action.HOLD, "reason"),
)


def rows_of(drop: str, pictures: list[str], *, pairs: int) -> list[Judged | Dialogue]:
    """Rows that say what no other does; long enough for one phrase to be little of an answer. One of them is a copy of
    another, and two pairs say the opposite, which is no canary's doing."""
    draw = np.random.default_rng([*drop.encode()])
    about: dict[str, Any] = {"drop": drop}
    rows: list[Judged | Dialogue] = []
    for n in range(SFT):
        text = " ".join(draw.choice(WORDS, 60))
        rows.append(Dialogue([("What is shown?", f"A bus near a wall. {text} {n}")], image=pictures[n % 6], **about))
        rows.append(Dialogue([(f"Is there a thing {n}?", "yes")], image=pictures[n % 6], **about))
    rows.append(replace(rows[0], source_id="again"))
    for n in range(pairs):
        poor = f"Poor {drop} {n} of a picture of one thing."
        rows.append(Judged(f"{drop} good {n}", poor, image=pictures[n % 6], **about))
    rows += [Judged("left", "right", image=pictures[0], **about), Judged("right", "left", image=pictures[0], **about)]
    return rows if pairs else [row for row in rows if isinstance(row, Dialogue)]


def prompts_of(drop: str, pictures: list[str]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Prompts of RL, as examples and as prompts."""
    rows: list[dict[str, Any]] = []
    known: list[dict[str, Any]] = []
    for n, truth in enumerate(TRUTHS):
        query = f"What would be right {n}?"
        row = example(Dialogue([(query, truth)], image=pictures[n], drop=drop), 100 + n) | {"kind": "prompt"}
        row["messages"][1]["role"] = "ground_truth"
        keys = {"image_key": image_key(row["image_ids"]), "query_key": query_key(query)}
        asked = {"query": query, "ground_truth": truth, "is_json": False, **keys}
        rows.append(row)
        known.append({name: row.get(name) for name in PROMPTS.schema.names} | asked)
    return rows, known


def vectors_of(examples: pa.Table) -> pa.Table:
    """Vectors of all that is compared, as if the encoder did not hear whether a text is in other words."""
    draw = np.random.default_rng(1)
    vectors: dict[tuple[str, str], bytes] = {}
    for row in examples.to_pylist():
        for image in row["image_ids"]:
            vectors.setdefault(("image", image), unit(draw.normal(size=64)).tobytes())
        other, asked = retold_copy(row), asked_otherwise(row)
        texts = compared_texts(row["messages"])
        pairs = list(zip(texts, compared_texts(other.row["messages"]) if other else texts, strict=True))
        for text, same in [*pairs, *([asked[1:]] if asked else [])]:
            vector = vectors.setdefault(("text", text_id(text)), unit(draw.normal(size=64)).tobytes())
            vectors.setdefault(("text", text_id(same)), vector)
    keys = ("modality", "content_id", "vector", "encoder")
    rows = [dict(zip(keys, (*content, vector, ENCODER), strict=True)) for content, vector in vectors.items()]
    return pa.Table.from_pylist(rows, schema=EMBEDDINGS.schema)


def stored(root: Path) -> Lake:
    """A lake of two drops, of which the second brings no preferences, as if they were embedded."""
    lake = Lake(root)
    draw = np.random.default_rng(0)
    facts: dict[str, dict[str, Any]] = {}
    for _ in range(6):
        data = io.BytesIO()
        colours = Image.fromarray(draw.integers(0, 255, (6, 8, 3), dtype=np.uint8))
        colours.resize((256, 192), Image.Resampling.BICUBIC).save(data, "PNG")
        known = check_image(data.getvalue(), IngestSettings())
        names = [name for name in IMAGES.schema.names if name not in ("image_id", "bytes")]
        facts[image_id(data.getvalue())] = {"bytes": data.getvalue()} | {name: getattr(known, name) for name in names}
    images = pa.Table.from_pylist([{"image_id": i, **known} for i, known in facts.items()], schema=IMAGES.schema)
    lake.append(IMAGES, lake.stage(IMAGES, images, {}))
    for drop, pairs in (("first", PAIRS), ("later", 0)):
        made = tables(rows_of(drop, list(facts), pairs=pairs))
        examples, prompts = prompts_of(drop, list(facts)) if pairs else ([], [])
        asking = pa.Table.from_pylist(examples, schema=EXAMPLES.schema)
        made["examples"] = pa.concat_tables([made["examples"], asking])
        made["prompts"] = pa.Table.from_pylist(prompts, schema=PROMPTS.schema)
        vectors = vectors_of(made["examples"])
        for modality in ("image", "text"):
            part = vectors.filter(pa.compute.equal(vectors["modality"], modality))
            lake.append(EMBEDDINGS, lake.stage(EMBEDDINGS, part, {"encoder": ENCODER, "modality": modality}))
        for spec in (EXAMPLES, PREFERENCES, PROMPTS, *TURN_TABLES):
            partition = {"delivery": f"{drop}-0"} | ({"rules": TURN_RULES} if spec in TURN_TABLES else {})
            once = turns_of(f"{drop}-0") if spec in TURN_TABLES else f"{drop}-0"
            lake.write(spec, made[spec.name], partition=partition, once=once)
        record_embedded(lake, f"{drop}-0", ENCODER)
    return lake


def fly(spark: SparkSession, lake: Lake, deliveries: list[str], settings: Settings) -> CorpusFlight | None:
    for audit in compared_audits():
        chosen = settings.audit(audit.name)
        measure_corpus(lambda: spark, lake, audit, deliveries=deliveries, settings=chosen, encoder=ENCODER)
    flight = missing_corpus_flight(lake, deliveries, settings=settings, encoder=ENCODER)
    if flight:
        fly_corpus_canaries(lambda: spark, lake, flight, deliveries=deliveries, settings=settings, encoder=ENCODER)
    return flight


def acting() -> Settings:
    """The shipped settings, with rules on all audits that look for canaries; what is not touched is not measured."""
    settings = load_settings()
    spark = replace(settings.spark, whole_below=0)
    return replace(settings, policy=Policy((*settings.policy.rules, *SOFT)), spark=spark)


@pytest.fixture(scope="module")
def flown(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Lake:
    lake = stored(tmp_path_factory.mktemp("lake"))
    first = fly(spark, lake, ["first-0"], acting())
    later = fly(spark, lake, ["first-0", "later-0"], acting())
    assert [flight and flight.deliveries for flight in (first, later)] == [("first-0",), ("later-0",)]
    return lake


@pytest.mark.full
def test_each_audit_finds_what_it_looks_for(flown: Lake) -> None:
    latest = latest_canaries(flown)
    assert list(latest) == ["first-0", "later-0"]
    caught = {(o.fault, o.audit): (o.planted, o.caught) for o in latest["first-0"]}
    sound = 2 * SFT  # of the two copies one is flagged, and no canary is made of it
    # The rule asks for nine tenths of the words in threes: one phrase of 65 words leaves so many or nearly.
    reworded = caught.pop((REWORDED, "near_duplicates"))
    assert caught.pop((REWORDED, ANY)) == reworded
    assert reworded[0] == SFT
    expected = {(COPIED, "duplicates"): sound, (REENCODED, "near_duplicates"): sound}
    expected |= {(ANSWERED, "sft_contradictions"): SFT, (EXCHANGED, "contradictions"): PAIRS}
    expected |= {(REJECTED, "rejected_as_target"): PAIRS, (NEAR_REJECTED, "reward_leaks"): PAIRS}
    expected |= {(fault, "soft_contradictions"): PAIRS for fault in (EXCHANGED_IMAGE, EXCHANGED_QUERY)}
    expected |= {(RETOLD, "semantic_duplicates"): SFT, (TAUGHT, "sft_overlap"): SFT}
    expected |= {(OTHER_TRUTH, "truth_contradictions"): len(TRUTHS)}
    expected |= {(fault, ANY): planted for (fault, _), planted in list(expected.items())}
    assert caught == {name: (planted, planted) for name, planted in expected.items()}
    beside = {(o.fault, o.audit): (o.own, o.flagged) for o in latest["first-0"]}
    assert beside[COPIED, "duplicates"] == (sound + 1, 1)
    assert beside[REENCODED, "near_duplicates"] == (sound + 1, 0)
    assert beside[EXCHANGED, "contradictions"] == (PAIRS + 2, 2)
    assert beside[OTHER_TRUTH, "truth_contradictions"] == (len(TRUTHS), 0)
    # Its short rows are copies of those of the first drop, so that none of them is damaged.
    assert {outcome.fault for outcome in latest["later-0"]} == {COPIED, REWORDED, RETOLD, REENCODED}
    counted = flown.read(CANARY_RULES, where={"delivery": "first-0"}).to_pylist()
    rules = {(row["fault"], row["rule"]): row["caught"] for row in counted}
    assert rules[COPIED, "exact_duplicate"] == sound


@pytest.mark.full
def test_a_small_corpus_that_is_measured_whole_finds_the_same(flown: Lake, spark: SparkSession, tmp_path: Path) -> None:
    lake, settings = stored(tmp_path), replace(acting(), spark=load_settings().spark)
    fly(spark, lake, ["first-0"], settings)
    of_first = {"delivery": "first-0"}
    for spec in (CANARIES, CANARY_RULES):
        tables = [one.read(spec, where=of_first).drop_columns(["at"]) for one in (lake, flown)]
        small, touched = (sorted(map(str, table.to_pylist())) for table in tables)
        assert small
        assert small == touched


@pytest.mark.full
def test_a_rule_that_finds_nothing_is_seen_to(flown: Lake, spark: SparkSession) -> None:
    """The figure follows the rule: of re-encoded pictures one that asks for more finds none."""
    rule = Rule("strict", "near_duplicates", (Condition("hash_bits", ">", 60),), Action.DROP, "reason")
    strict = replace(load_settings(), policy=Policy((rule,)))
    assert fly(spark, flown, ["first-0"], strict) is not None
    latest = {(o.fault, o.audit): o.caught for o in latest_canaries(flown)["first-0"]}
    assert latest == {(fault, audit): 0 for fault in (REENCODED, REWORDED) for audit in ("near_duplicates", ANY)}


@pytest.mark.full
def test_of_few_rows_no_chance_is_told_and_why_is(flown: Lake) -> None:
    rows = flown.read(CANARY_CHANCES, where={"delivery": "first-0"}).to_pylist()
    suspecting = {audit.name for audit in compared_audits() if audit.suspicion}
    assert {row["audit"] for row in rows} == suspecting
    assert all("are asked for" in row["why"] and not row["canaries"] for row in rows)


@pytest.mark.full
def test_what_flew_flies_no_more(flown: Lake) -> None:
    both = ["first-0", "later-0"]
    assert missing_corpus_flight(flown, both, settings=acting(), encoder=ENCODER) is None
    no_rules = replace(load_settings(), policy=Policy(()))
    assert missing_corpus_flight(flown, both, settings=no_rules, encoder=ENCODER) is None


@pytest.mark.full
def test_no_canary_of_the_corpus_is_in_any_table(flown: Lake) -> None:
    tables = [*TABLES.values(), *(audit.table for audit in all_audits().values())]
    named = [spec for spec in tables if spec not in (CANARIES, CANARY_RULES)]
    cells = {
        (spec.name, name): flown.read(spec, columns=[name])[name].to_pylist()
        for spec in named
        for name in spec.schema.names
        if pa.types.is_string(spec.schema.field(name).type)
    }
    assert sum(len(values) for values in cells.values()) > 100
    assert not [place for place, values in cells.items() if any(str(value).startswith(MARK) for value in values)]
    assert flown.read(IMAGES, columns=["image_id"]).num_rows == 6


@pytest.mark.full
def test_a_canary_that_leaks_into_measures_fails_their_gate(flown: Lake) -> None:
    audit = all_audits()["duplicates"]
    deliveries = ["first-0"]
    identity = corpus_identities(load_settings(), deliveries, ENCODER)[audit.name]
    assert measures_gate(flown, audit, deliveries=deliveries, identity=identity).success
    rows = flown.read(audit.table, where={"identity": identity}).to_pylist()
    leaked = rows[0] | {"delivery": f"{MARK}first-0", "example_id": f"{MARK}{COPIED}-0", "identity": "leaked"}
    table = pa.Table.from_pylist([*(row | {"identity": "leaked"} for row in rows), leaked], schema=audit.table.schema)
    flown.write(audit.table, table, partition={"identity": "leaked"}, once="leaked")
    assert not measures_gate(flown, audit, deliveries=deliveries, identity="leaked").success


def test_spark_does_not_start_where_nothing_can_be_damaged(tmp_path: Path) -> None:
    def no_spark() -> NoReturn:
        raise AssertionError("Spark started")

    lake, settings = Lake(tmp_path), load_settings()
    for audit in compared_audits():
        lake.commit(audit.table, [], once=corpus_identities(settings, ["silent-0"], ENCODER)[audit.name])
    flight = missing_corpus_flight(lake, ["silent-0"], settings=settings, encoder=ENCODER)
    assert flight is not None
    fly_corpus_canaries(no_spark, lake, flight, deliveries=["silent-0"], settings=settings, encoder=ENCODER)
    assert missing_corpus_flight(lake, ["silent-0"], settings=settings, encoder=ENCODER) is None
    assert set(KINDS) >= {outcome.fault for outcome in latest_canaries(lake).get("silent-0", [])}
