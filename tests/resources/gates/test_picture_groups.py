"""Groups of alike pictures: named by what is said of one of them, and those of canaries found again."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from ops.core.measure_schemas import CANARY_GROUPS, EMBEDDINGS
from ops.core.schemas import IMAGES
from ops.core.vectors import unit
from ops.gates.group_recall import BOTH
from resources.gates.diversity import Embedded, mean_vectors
from resources.gates.picture_groups import PictureGroups
from resources.gates.removal import removal_facts, resolutions
from resources.gates.sample import Sample
from resources.lake.tables import Lake

CAPTIONS = ("A dog sleeps on the grass.", "A bus stands in a street.", "A cup of tea on a table.")
EACH = 60
NOW = datetime.now(UTC)


def stored(lake: Lake) -> Sample:
    """Examples of three kinds of picture, each with one of its own; of the first kind half are removed, of the others a
    tenth."""
    kind = np.repeat(np.arange(3), EACH)
    vectors = unit(np.eye(8)[kind] + 0.05 * np.random.default_rng(0).normal(size=(len(kind), 8))).astype("<f2")
    images = [f"{at:032x}" for at in range(len(kind))]
    table = [
        {"encoder": "e", "modality": "image", "content_id": image, "vector": vector.tobytes()}
        for image, vector in zip(images, vectors, strict=True)
    ]
    partition = {"encoder": "e", "modality": "image"}
    lake.write(EMBEDDINGS, pa.Table.from_pylist(table, schema=EMBEDDINGS.schema), partition=partition, once="e")
    sizes = [
        {"image_id": image, "width_px": 640, "height_px": 200 + 100 * int(k)}
        for image, k in zip(images, kind, strict=True)
    ]
    lake.write(IMAGES, pa.Table.from_pylist(sizes, schema=IMAGES.schema), partition={}, once="i")
    rows: list[dict[str, Any]] = [
        {"delivery": "d", "dataset": "a", "image_ids": [image], "messages": messages_of(CAPTIONS[int(k)])}
        for image, k in zip(images, kind, strict=True)
    ]
    rank = np.arange(len(kind)) % EACH
    return Sample(rows, rank >= np.where(kind == 0, EACH // 2, EACH // 10))


def messages_of(answer: str) -> list[dict[str, Any]]:
    return [{"role": "assistant", "parts": [{"type": "text", "text": answer, "image_id": None}]}]


def groups_of(lake: Lake, sample: Sample) -> PictureGroups:
    embedded = mean_vectors(lake, [row["image_ids"] for row in sample.rows], "e")
    return PictureGroups.of(lake, sample.rows, embedded, encoder="e")


def test_each_kind_of_picture_is_a_group_called_what_is_said_of_one(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake")
    sample = stored(lake)
    groups = groups_of(lake, sample)
    assert list(groups.of_examples) == [text.lower() for text in CAPTIONS for _ in range(EACH)]
    assert list(groups_of(lake, Sample(sample.rows[::-1], sample.member)).of_examples) == list(groups.of_examples)[::-1]
    asked = [row | {"messages": messages_of("a dog")} for row in sample.rows[:EACH]]
    both = Sample([*asked, *sample.rows], np.concatenate([sample.member[:EACH], sample.member]))
    # Of what is said of one picture the longest names it.
    assert {name.removesuffix(" (2)") for name in groups_of(lake, both).of_examples} == set(groups.of_examples)
    few = Sample(sample.rows[:5], sample.member[:5])
    assert list(groups_of(lake, few).of_examples) == [""] * 5


def test_what_is_found_of_canaries_is_told_by_the_group_of_their_pictures(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake")
    sample = stored(lake)
    images = [row["image_ids"][0] for row in sample.rows]
    rows: list[dict[str, Any]] = []
    # Two pictures stand for each kind.
    for place, image in enumerate(images[:: EACH // 2]):
        for fault, known, met in (("wrong_image", 30, 6 if place < 2 else 27), ("", 100, 50 if place < 2 else 10)):
            keys = {
                "delivery": "d",
                "identity": "i",
                "at": NOW,
                "fault": fault,
                "rows": known,
                "met": met,
            }
            rows += [keys | {"family": "pictures", "group": image}, keys | {"family": "dataset", "group": "a"}]
    lake.write(CANARY_GROUPS, pa.Table.from_pylist(rows, schema=CANARY_GROUPS.schema), partition={}, once="i")
    facts = removal_facts(lake, sample, groups_of(lake, sample)).to_pylist()
    by_picture = {row["group"]: row for row in facts if row["family"] == "pictures"}
    assert set(by_picture) == {text.lower() for text in CAPTIONS}
    dogs = by_picture[CAPTIONS[0].lower()]
    assert (dogs["examples"], dogs["removed"]) == (EACH, EACH // 2)
    assert dogs["beyond"] is not None
    assert dogs["canaries"].startswith(f"{BOTH} (canaries found: 12 of 60, ")
    assert by_picture[CAPTIONS[1].lower()]["canaries"].startswith("canaries found: 54 of 60, ")


def test_examples_are_of_a_resolution(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake")
    sample = stored(lake)
    rows = [sample.rows[0], sample.rows[EACH], {"image_ids": []}, {"image_ids": ["unknown"]}]
    assert resolutions(lake, rows) == [
        [("resolution", "below 224 px")],
        [("resolution", "224 to 511 px")],
        [],
        [],
    ]


def test_the_next_night_keeps_the_names(tmp_path: Path) -> None:
    """Of kinds of pictures that run into each other. With new pictures between the others clusters that were drawn anew
    would be called otherwise."""
    lake = Lake(tmp_path / "lake")
    chance = np.random.default_rng(0)
    kind = chance.integers(0, 12, 1300)
    kinds = unit(chance.normal(size=(12, 16)))
    vectors = unit(kinds[kind] + 0.2 * chance.normal(size=(len(kind), 16))).astype(np.float32)
    rows = [
        {"image_ids": [f"{at:032x}"], "messages": messages_of(f"picture {at} of kind {of}")}
        for at, of in enumerate(kind.tolist())
    ]

    def night(places: np.ndarray, encoder: str = "e") -> dict[int, str]:
        embedded = Embedded(vectors[places], np.arange(len(places)))
        groups = PictureGroups.of(lake, [rows[at] for at in places.tolist()], embedded, encoder=encoder)
        return dict(zip(places.tolist(), groups.of_examples, strict=True))

    old, new = np.sort(chance.permutation(630)[:600]), np.arange(630)
    first, second = night(old), night(new)
    assert len(set(first.values())) > 8
    assert {at: second[at] for at in first} == first
    assert set(second.values()) == set(first.values())
    anew = night(new, "another encoder")
    assert set(anew.values()) != set(first.values())
    # Twice the pictures: there are more clusters, and those that stayed where they were keep their names.
    doubled = night(np.arange(1300))
    assert len(set(doubled.values())) > len(set(first.values()))
    kept = set(first.values()) & set(doubled.values())
    assert len(kept) >= 8
    assert np.mean([doubled[at] == name for at, name in first.items() if name in kept]) > 0.8
    # The next night stands on these.
    assert night(np.arange(1290)) == {at: doubled[at] for at in range(1290)}
