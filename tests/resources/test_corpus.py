"""Identities of corpus-scope measures: the deliveries, and where it decides anything, the order in which they came."""

import pytest

from ops.audits.registry import all_audits
from resources import corpus
from resources.corpus import corpus_identities, modality_identity
from resources.settings import load_settings


def test_canonical_rules_and_deliveries_decide_the_identity(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load_settings()
    before = corpus_identities(settings, ["a-1", "b-1"])
    others = [corpus_identities(settings, ["a-1"])]
    monkeypatch.setattr(corpus, "RULES", corpus.RULES + 1)
    others.append(corpus_identities(settings, ["a-1", "b-1"]))
    assert all(other[name] != identity for other in others for name, identity in before.items())


def test_the_order_of_drops_counts_only_where_the_first_keeps_its_rows() -> None:
    settings = load_settings()
    one, other = (corpus_identities(settings, deliveries) for deliveries in (["a-1", "b-1"], ["b-1", "a-1"]))
    differing = {name for name in one if one[name] != other[name]}
    assert differing == {name for name in one if "arrivals" in all_audits()[name].reads}
    assert {"duplicates", "near_duplicates"} <= differing
    assert corpus_identities(settings, ["a-1", "b-1"]) == one
    assert not {name for name, identity in corpus_identities(settings, ["a-1"]).items() if identity == one[name]}


def test_modality_statistics_follow_from_deliveries_and_measures() -> None:
    measures = {"modality": "m", "visual_necessity": "v", "grounding": "g"}
    made = modality_identity(["a-1", "b-1"], measures)
    assert modality_identity(["b-1", "a-1"], measures | {"grounding": "other"}) == made
    assert modality_identity(["a-1"], measures) != made
    assert modality_identity(["a-1", "b-1"], measures | {"modality": "n"}) != made
