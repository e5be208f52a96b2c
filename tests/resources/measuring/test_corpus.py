"""Identities of corpus-scope measures: the deliveries, and where it decides anything, the order in which they came."""

from pathlib import Path
from typing import NoReturn

import pytest

from ops.audits.contract import Scope
from ops.audits.registry import all_audits, audits_of
from ops.core.measure_schemas import CONTRADICTION_RATES, MODALITY_STATISTICS
from resources.config.settings import load_settings
from resources.lake.tables import Lake
from resources.measuring import corpus
from resources.measuring.corpus import (
    corpus_identities,
    count_modality,
    measure_corpus,
    modality_identity,
    rate_contradictions,
)
from resources.measuring.recorded import record_embedded, require_embedded


def test_canonical_rules_and_deliveries_decide_the_identity(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load_settings()
    before = corpus_identities(settings, ["a-1", "b-1"], "encoder")
    others = [corpus_identities(settings, ["a-1"], "encoder")]
    monkeypatch.setattr(corpus, "RULES", corpus.RULES + 1)
    others.append(corpus_identities(settings, ["a-1", "b-1"], "encoder"))
    assert set(before) == {audit.name for audit in audits_of(Scope.CORPUS)}
    assert all(other[name] != identity for other in others for name, identity in before.items())


def test_the_order_of_drops_counts_only_where_the_first_keeps_its_rows() -> None:
    settings = load_settings()
    first, second = (
        corpus_identities(settings, deliveries, "encoder") for deliveries in (["a-1", "b-1"], ["b-1", "a-1"])
    )
    differing = {name for name in first if first[name] != second[name]}
    assert differing == {name for name in first if "arrivals" in all_audits()[name].reads}
    assert {"duplicates", "near_duplicates"} <= differing
    assert corpus_identities(settings, ["a-1", "b-1"], "encoder") == first
    fewer = corpus_identities(settings, ["a-1"], "encoder")
    assert not {name for name in first if fewer[name] == first[name]}


def test_the_encoder_counts_only_where_vectors_are_read() -> None:
    first, second = (corpus_identities(load_settings(), ["a-1"], encoder) for encoder in ("one", "other"))
    differing = {name for name in first if first[name] != second[name]}
    assert differing == {name for name in first if "embeddings" in all_audits()[name].reads}


def test_vectors_are_read_only_where_the_delivery_is_embedded(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    with pytest.raises(LookupError, match=r"a-1 is not embedded by one.*assay run"):
        require_embedded(lake, ["a-1"], "one")
    record_embedded(lake, "a-1", "one")
    record_embedded(lake, "a-1", "one")
    require_embedded(lake, ["a-1"], "one")
    for delivery, encoder in (("a-1", "other"), ("b-1", "one")):
        with pytest.raises(LookupError):
            require_embedded(lake, [delivery], encoder)


def test_modality_statistics_follow_from_deliveries_and_measures() -> None:
    measures = {"modality": "m", "visual_necessity": "v", "grounding": "g"}
    made = modality_identity(["a-1", "b-1"], measures)
    assert modality_identity(["b-1", "a-1"], measures | {"grounding": "other"}) == made
    assert modality_identity(["a-1"], measures) != made
    assert modality_identity(["a-1", "b-1"], measures | {"modality": "n"}) != made


def test_no_spark_starts_where_every_measure_is_there(tmp_path: Path) -> None:
    lake, settings, deliveries = Lake(tmp_path), load_settings(), ["a-1"]
    identities = corpus_identities(settings, deliveries, "encoder")
    row_measures = {"modality": "m", "visual_necessity": "v"}
    for audit in audits_of(Scope.CORPUS):
        lake.commit(audit.table, [], once=identities[audit.name])
    lake.commit(MODALITY_STATISTICS, [], once=modality_identity(deliveries, row_measures))
    lake.commit(CONTRADICTION_RATES, [], once=identities["contradictions"])

    def start() -> NoReturn:
        raise AssertionError("Spark was started")

    for audit in audits_of(Scope.CORPUS):
        chosen = settings.audit(audit.name)
        identity = measure_corpus(start, lake, audit, deliveries=deliveries, settings=chosen, encoder="encoder")
        assert identity == identities[audit.name]
    count_modality(start, lake, deliveries=deliveries, measures=row_measures)
    rate_contradictions(start, lake, measures=identities["contradictions"], deliveries=deliveries)
    with pytest.raises(AssertionError, match="Spark was started"):
        count_modality(start, lake, deliveries=["b-1"], measures=row_measures)
