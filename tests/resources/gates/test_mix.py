"""The mix of a real lake's members: what counts as visual, and by how much."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
import pytest

from ops.audits.modality import AUDIT as MODALITY
from ops.core.schemas import EXAMPLES
from ops.decision.mix import MixSettings, visual_share
from ops.evidence.inputs import RowInputs
from resources.gates.mix import Mixing, pinned_mix
from resources.lake.tables import Lake
from tests.support.versions import NOTHING, deliver, write_measures


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """Ten examples, every other one with a picture and a long answer; of these five, two are blind throughout."""
    lake = Lake(tmp_path / "lake")
    ids = deliver(lake, "a", "a-1", ["a long answer of six words" if n % 2 else "yes" for n in range(10)])
    examples = lake.read(EXAMPLES)
    rows = MODALITY.measure(RowInputs(examples, NOTHING, NOTHING, NOTHING, NOTHING), MODALITY.settings).to_pylist()
    write_measures(lake, "modality", "m0", rows, delivery="a-1")
    shares = {ids[1]: 1.0, ids[3]: 1.0, ids[5]: 0.5, ids[7]: None}
    turns = [
        {"delivery": "a-1", "example_id": dataset, "turn": turn, "blind_share": share}
        for dataset, share in shares.items()
        for turn in (0, 1)
    ]
    write_measures(lake, "visual_necessity", "v0", turns, delivery="a-1")
    return lake


def share(lake: Lake, *audits: str, **settings: Any) -> float:
    measures = {"modality": "m0", "visual_necessity": "v0"}
    chosen = {name: measures[name] for name in audits}
    members = lake.read(EXAMPLES, columns=["example_id", "image_ids"])
    visual = members.filter(pc.greater(pc.list_value_length(members["image_ids"]), 0))["example_id"].combine_chunks()
    mixing = Mixing(lake, visual, deliveries=["a-1"], measures=chosen, settings=MixSettings(**settings))
    sums = mixing.sums(members.append_column("weight", [np.ones(10)]))
    return visual_share(*(side.mass for side in sums))


def test_blind_examples_count_as_text_unless_told_otherwise(lake: Lake):
    assert share(lake, "visual_necessity") == pytest.approx(0.3)
    assert share(lake, "visual_necessity", blind_as_text=False) == pytest.approx(0.5)
    assert share(lake) == pytest.approx(0.5), "nothing is known of what is blind"


def test_loss_tokens_count(lake: Lake):
    assert share(lake, "modality", count="loss_tokens") == pytest.approx(30 / 35)
    with pytest.raises(LookupError, match="modality was not measured"):
        share(lake, count="loss_tokens")


def test_the_pinned_mix_is_read_back():
    assert pinned_mix(None) == MixSettings()
    assert pinned_mix('{"mix": {"visual_share": 0.6, "tolerance": 0.1}}') == MixSettings(0.6, tolerance=0.1)
