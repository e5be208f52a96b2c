"""Identities of corpus-scope measures."""

import pytest

from resources import corpus
from resources.corpus import corpus_identities
from resources.settings import load_settings


def test_canonical_rules_and_deliveries_decide_the_identity_but_not_their_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = load_settings()
    before = corpus_identities(settings, ["a-1", "b-1"])
    assert corpus_identities(settings, ["b-1", "a-1"]) == before
    others = [corpus_identities(settings, ["a-1"])]
    monkeypatch.setattr(corpus, "RULES", corpus.RULES + 1)
    others.append(corpus_identities(settings, ["a-1", "b-1"]))
    assert all(other[name] != identity for other in others for name, identity in before.items())
