"""Forecasts over a lake: of a version, of a drop, and of what ingest set aside."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from PIL import Image

from ops.core.errors import MissingError, UnusableError
from ops.core.schemas import DROPS, EXAMPLES, IMAGES, QUARANTINE, TableSpec
from ops.core.version_schemas import CURATED, VERSIONS
from resources.engines.progress import SilentProgress
from resources.lake.tables import Lake
from resources.preflight.preflight import Preflight, preflight_drop, preflight_version
from resources.versions.publishing import PublishError

DELIVERY = "photos-1"
LIMITS = {"max_tokens": 200, "system": ""}


def message(role: str, text: str, image: str | None = None) -> dict[str, Any]:
    pictures = [] if image is None else [{"type": "image", "text": None, "image_id": image}]
    return {"role": role, "parts": [*pictures, {"type": "text", "text": text, "image_id": None}]}


def example(name: str, answer: str, image: str) -> dict[str, Any]:
    return {
        "drop": "photos",
        "delivery": DELIVERY,
        "example_id": name,
        "kind": "sft",
        "messages": [message("user", "What is it?", image), message("assistant", answer)],
        "image_ids": [image],
        "metadata": "{}",
        "provenance": {"file": "rows.jsonl", "row": int(name[1:])},
    }


def raw(content: Any, image: str) -> str:
    turns = [{"role": "user", "content": content}, {"role": "assistant", "content": "A boat."}]
    return json.dumps({"messages": turns, "images": [image]})


def write(lake: Lake, spec: TableSpec, rows: Sequence[dict[str, Any]], **partition: Any) -> None:
    table = pa.Table.from_pylist(list(rows), schema=spec.schema)
    lake.write(spec, table, partition=partition, once=f"{spec.name}")


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """Four examples, three of them in version 1, and four records set aside, one of which names a picture that is
    there."""
    lake = Lake(tmp_path / "lake")
    drop = tmp_path / "photos"
    drop.mkdir()
    Image.new("RGB", (140, 140)).save(drop / "there.png")
    sizes = {"small": (140, 140, 1), "large": (600, 600, 1), "lying": (56, 280, 6)}
    pictures = [
        {"image_id": name, "width_px": wide, "height_px": high, "exif_orientation": turn}
        for name, (wide, high, turn) in sizes.items()
    ]
    answers = {"e0": ("short", "small"), "e1": ("word " * 300, "small"), "e2": ("short", "large"), "e3": ("s", "lying")}
    write(lake, IMAGES, pictures)
    write(lake, EXAMPLES, [example(name, *said) for name, said in answers.items()], delivery=DELIVERY)
    aside = [
        ("image_missing", raw("<image>?", "gone.png")),
        ("placeholder_mismatch", raw("?", "there.png")),
        ("field_missing", raw(None, "there.png")),
        ("not_json", "{"),
    ]
    records = [
        {"delivery": DELIVERY, "file": "rows.jsonl", "row": at, "reason": reason, "raw": text}
        for at, (reason, text) in enumerate(aside)
    ]
    write(lake, QUARANTINE, records, delivery=DELIVERY)
    arrival = {"at": datetime.now(UTC), "drop": "photos", "delivery": DELIVERY, "state": "arrived"}
    lake.log(DROPS, lambda log: [{**arrival, "source": str(drop)}])
    members = [{"version": 1, "delivery": DELIVERY, "example_id": name} for name in ("e0", "e1", "e3")]
    write(lake, CURATED, members, version=1)
    published = {"version": 1, "state": "published", "deliveries": [DELIVERY], "counts": "{}", "at": datetime.now(UTC)}
    lake.log(VERSIONS, lambda log: [published])
    return lake


def of_version(lake: Lake, trainer: str, **given: Any) -> Preflight:
    limits = {**LIMITS, **given}
    return preflight_version(lake, 1, trainer=trainer, given=limits, where="limits", progress=SilentProgress())


def of_drop(lake: Lake, trainer: str, drop: str = "photos") -> Preflight:
    return preflight_drop(lake, drop, trainer=trainer, given=LIMITS, where="limits", progress=SilentProgress())


def counts(tallies: Sequence[Any]) -> dict[tuple[str, str], int]:
    return {(one.outcome.value, one.reason): one.rows for one in tallies}


def test_a_version_is_its_own_examples(lake: Lake) -> None:
    forecast = of_version(lake, "ms-swift")
    assert (forecast.subject, forecast.rows, forecast.aside) == ("version 1", 3, 0)
    assert counts(forecast.tallies) == {("replaced", "too_long"): 1, ("read", ""): 2}
    assert forecast.tallies[0].examples[0].origin == "photos: rows.jsonl, row 1"
    assert "200 fit" in forecast.tallies[0].examples[0].detail


def test_a_drop_is_what_was_kept_and_what_was_set_aside(lake: Lake) -> None:
    forecast = of_drop(lake, "llamafactory")
    assert counts(forecast.tallies) == {("crashed", "image_cut"): 1, ("truncated", "answer_cut"): 1, ("read", ""): 2}
    assert forecast.aside == 4
    assert counts(forecast.aside_tallies) == {
        ("crashed", "image_missing"): 1,
        ("crashed", "placeholder_mismatch"): 1,
        ("crashed", "no_content"): 1,
        ("unknown", "not_forecast"): 1,
    }


def test_pictures_of_records_set_aside_are_looked_at_where_they_lie(lake: Lake, tmp_path: Path) -> None:
    assert counts(of_drop(lake, "ms-swift").aside_tallies)[("read", "")] == 1  # the picture that has no placeholder
    (tmp_path / "photos" / "there.png").write_bytes(b"nothing")
    assert counts(of_drop(lake, "ms-swift").aside_tallies)[("replaced", "image_broken")] == 1
    (tmp_path / "photos" / "there.png").unlink()
    (tmp_path / "photos").rmdir()
    # Nothing is there to look at: what ingest found has to do.
    gone = counts(of_drop(lake, "ms-swift").aside_tallies)
    assert gone == {
        ("dropped", "no_content"): 1,
        ("replaced", "image_missing"): 1,
        ("unknown", "file_unknown"): 1,
        ("unknown", "not_forecast"): 1,
    }


def test_what_is_not_there_is_named(lake: Lake) -> None:
    with pytest.raises(PublishError, match="there is no version 2; there are 1"):
        preflight_version(lake, 2, trainer="trl", given={}, where="limits", progress=SilentProgress())
    with pytest.raises(MissingError, match="drop 'other' has not been read; run `assay run`"):
        of_drop(lake, "trl", "other")
    with pytest.raises(UnusableError, match=r"file\.yaml: unknown limit 'x'"):
        preflight_version(lake, 1, trainer="trl", given={"x": 1}, where="file.yaml", progress=SilentProgress())


def test_the_count_without_a_tokenizer_is_called_an_estimate(lake: Lake, tmp_path: Path) -> None:
    assert of_version(lake, "trl").is_estimate
    with pytest.raises(UnusableError, match=r"no such file; give a tokenizer\.json"):
        of_version(lake, "trl", tokenizer=str(tmp_path / "none"))
