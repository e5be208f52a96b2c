"""Exports of the lake of prompts, and what is in the lake for them."""

from pathlib import Path
from typing import Any

from ops.core.schemas import EXAMPLES, IMAGES, PROMPTS
from ops.core.version_schemas import CURRICULUM
from resources.engines.progress import SilentProgress
from resources.export.export import export_version
from resources.lake.tables import Lake

LEFT_OUT = {"verl": {"open"}, "easyr1": {"open", "turns"}, "trl_grpo": set(), "ms_swift_grpo": set()}
"""Prompts that a format cannot carry."""


def exported(lake: Lake, folder: Path, to: str) -> Any:
    """The version as that format writes it."""
    return export_version(lake, 1, to=to, folder=folder, shard_rows=2, progress=SilentProgress())


def expected(lake: Lake) -> list[dict[str, Any]]:
    """The prompts as they stand in the lake, in the order of the curriculum: `asked` are the messages up to the
    question, `said` their texts without pictures, `pictures` the bytes of those."""
    examples = {row["example_id"]: row for row in lake.read(EXAMPLES).to_pylist()}
    prompts = {row["example_id"]: row for row in lake.read(PROMPTS).to_pylist()}
    data = {row["image_id"]: row["bytes"] for row in lake.read(IMAGES).to_pylist()}
    places = sorted(lake.read(CURRICULUM).to_pylist(), key=lambda row: (row["stage"], row["position"]))
    rows = [{**examples[p["example_id"]], **prompts[p["example_id"]]} for p in places if p["example_id"] in prompts]
    for row in rows:
        row["asked"] = [message for message in row["messages"] if message["role"] not in ("ground_truth", "rollout")]
        row["said"] = [(m["role"], "".join(part["text"] or "" for part in m["parts"])) for m in row["asked"]]
        row["pictures"] = [data[part["image_id"]] for m in row["asked"] for part in m["parts"] if part["image_id"]]
    return rows


def carried(lake: Lake, to: str) -> list[dict[str, Any]]:
    """Those of them that the format carries."""
    return [row for row in expected(lake) if row["source_id"] not in LEFT_OUT[to]]
