"""What a backfill would do, told from the tables alone."""

from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from ops.core.errors import MissingError
from ops.core.schemas import EXAMPLES
from resources.config.settings import Settings, load_settings
from resources.intake.admission import admit
from resources.lake.tables import Lake
from resources.models.embedding import unembedded
from resources.models.encoder_source import encoder_identity
from resources.status.backfill import DropWork, backfill_work
from tests.support.standing_lake import arrive, measured


@pytest.fixture
def settings() -> Settings:
    return load_settings(None)


@pytest.fixture
def lake(tmp_path: Path, settings: Settings) -> Lake:
    """Drops a to d, of which b is not measured at all."""
    lake = Lake(tmp_path / "lake")
    for drop in "abcd":
        arrive(lake, drop, f"{drop}-1")
        admit(lake, drop, settings=settings.gates)
        if drop != "b":
            measured(lake, f"{drop}-1", settings, encoder_identity(settings.encoder))
    return lake


def hotter(settings: Settings) -> Settings:
    """Other settings of one audit."""
    grounding = replace(settings.audits["grounding"], temperature=0.1)
    return replace(settings, audits={**settings.audits, "grounding": grounding})


def test_where_all_is_measured_nothing_is_to_do(lake: Lake, settings: Settings) -> None:
    assert [work.drop for work in backfill_work(lake, settings)] == ["b"]
    assert backfill_work(lake, settings, first="c") == []


def test_other_settings_of_an_audit_are_to_be_measured_and_nothing_embedded(lake: Lake, settings: Settings) -> None:
    works = backfill_work(lake, hotter(settings), only=["grounding"])
    assert [work.drop for work in works] == ["a", "b", "c", "d"]
    assert works[0] == DropWork("a", "a-1", 10, ("grounding",), 0, 0)


def test_a_range_has_both_its_ends(lake: Lake, settings: Settings) -> None:
    works = backfill_work(lake, hotter(settings), first="b", last="c")
    assert [work.drop for work in works] == ["b", "c"]


def test_what_is_to_be_embedded_is_counted_once(tmp_path: Path) -> None:
    part = {"type": "text", "text": "what is it?", "image_id": None}
    row = {"delivery": "e-1", "messages": [{"role": "user", "parts": [part]}]}
    rows = [row | {"example_id": f"e-1{n}", "image_ids": ["0" * 64, f"{n % 2}" * 64]} for n in range(4)]
    lake = Lake(tmp_path / "lake")
    lake.write(EXAMPLES, pa.Table.from_pylist(rows, EXAMPLES.schema), partition={"delivery": "e-1"}, once="e")
    images, texts = unembedded(lake, "e-1", lambda batch: ["the same"] * batch.num_rows, "encoder")
    assert (images, len(texts)) == ({"0" * 64, "1" * 64}, 1)


def test_an_audit_of_the_corpus_is_refused(lake: Lake, settings: Settings) -> None:
    with pytest.raises(MissingError, match="one of the corpus"):
        backfill_work(lake, settings, only=["duplicates"])
    with pytest.raises(MissingError, match="no audit of drops is called 'colour'"):
        backfill_work(lake, settings, only=["colour"])
