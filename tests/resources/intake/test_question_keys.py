"""One question has one key, whether an answer of SFT, a judgement or a prompt of RL asks it; and another where its
pictures stand elsewhere."""

import json
from pathlib import Path
from typing import Any

import pytest

from ops.core.schemas import EXAMPLES, PREFERENCES, PROMPTS, TURNS
from ops.intake.rows import IngestSettings
from resources.engines.progress import SilentProgress
from resources.intake.ingest import ingest
from resources.lake.tables import Lake
from tests.support.drops import make_drop

pytestmark = pytest.mark.usefixtures("ray_session")
IMAGES = ["images/0.png", "images/1.png"]
ANSWER, OTHER = {"role": "assistant", "content": "The dog."}, {"role": "assistant", "content": "The cat."}


def asked(text: str, name: str) -> dict[str, list[dict[str, Any]]]:
    """The question in every kind, by file."""
    user = {"role": "user", "content": text}
    shared = {"images": IMAGES, "id": name}
    earlier = [{"role": "user", "content": "Hello?"}, {"role": "assistant", "content": "Hello."}]
    truth = {"data_source": name, "reward_model": {"style": "rule", "ground_truth": "dog"}}
    return {
        "sft": [{**shared, "messages": [user, ANSWER]}, {**shared, "messages": [*earlier, user, ANSWER]}],
        "pairs": [{**shared, "prompt": [user], "chosen": [ANSWER], "rejected": [OTHER]}],
        "prompts": [{**shared, **truth, "prompt": [user]}],
    }


@pytest.mark.full
def test_a_question_has_one_key_in_every_kind_and_another_where_its_pictures_stand_elsewhere(tmp_path: Path):
    texts = {"first": "Here <image> a cat, here <image> a dog?", "later": "Here a cat, <image> here <image> a dog?"}
    drop = make_drop(tmp_path / "drop", [])
    for name, text in texts.items():
        for file, rows in asked(text, name).items():
            (drop / f"{name}-{file}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    lake = Lake(tmp_path / "lake")
    ingest(lake, drop, "zoo", settings=IngestSettings(), progress=SilentProgress())
    source = {row["example_id"]: row["source_id"] for row in lake.read(EXAMPLES).to_pylist()}
    keys: dict[str, set[str]] = {name: set() for name in texts}
    for spec in (TURNS, PREFERENCES, PROMPTS):
        rows = [row for row in lake.read(spec).to_pylist() if row.get("query") != "Hello?"]
        for name in texts:
            own = {row["query_key"] for row in rows if source[row["example_id"]] == name}
            assert len(own) == 1, (spec.name, name)
            keys[name] |= own
    assert len(keys["first"]) == len(keys["later"]) == 1
    assert keys["first"] != keys["later"]
