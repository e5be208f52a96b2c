"""What the test of a whole run has done on a node, called by name (`Node.call`)."""

import hashlib
from collections import Counter
from io import BytesIO
from pathlib import Path

import dagster as dg
import orjson
from PIL import Image

from ops.core.version_schemas import CURATED, CURRICULUM, VERDICTS
from ops.demo.build import FEWEST, build
from pipelines.killed_runs import HOST
from resources.storage.storage import Storage
from resources.versions.publishing import current_version, version_of
from tests.cluster.steps import opened

_COLOURS = ["jade", "teal", "moss", "sage", "olive", "khaki", "clay", "rust", "plum", "wine"]


def deliver(folder: str, address: str) -> int:
    """Builds the smallest drop of the demo in the folder and copies it to the address; returns its files."""
    drop, place = Path(folder), Storage.at(address)
    build(drop, record=drop.parent / "planted.jsonl", conversations=FEWEST)
    files = sorted(path for path in drop.rglob("*") if path.is_file())
    for path in files:
        place.copy_in(path, path.relative_to(drop).as_posix())
    return len(files)


def deliver_colours(address: str) -> int:
    """A drop of ten questions about plain pictures; returns their number. Each drop has other questions."""
    place, rows = Storage.at(address), []
    for name, shade in zip(_COLOURS, range(0, 250, 25), strict=True):
        picture = BytesIO()
        Image.new("RGB", (64, 48), (shade, 255 - shade, 128)).save(picture, "PNG")
        place.write(f"{name}.png", picture.getvalue())
        question = f"<image>\nWhich colour has the wall of {address}?"
        talk = [{"from": "human", "value": question}, {"from": "gpt", "value": f"It is {name}."}]
        rows.append({"id": name, "image": f"{name}.png", "conversations": talk})
    place.write("rows.json", orjson.dumps(rows))
    return len(rows)


def kept(lake: str) -> dict[str, object]:
    """How Dagster's runs ended, on how many machines they were, and the members of the lake's current version."""
    place = opened(lake)
    version = current_version(place)
    with dg.DagsterInstance.get() as instance:
        runs = instance.get_runs()
    statuses = Counter(run.status.value for run in runs)
    hosts = {run.tags.get(HOST) for run in runs}
    return {"runs": statuses, "hosts": len(hosts), "members": place.read(CURATED, where={"version": version}).num_rows}


def published(lake: str) -> dict[str, object]:
    """The lake's first version: its content, how many rows of what content its tables have, and why examples are not
    plainly kept."""
    place = opened(lake)
    tables: dict[str, object] = {"content": version_of(place, 1).row["content"]}
    reasons: list[str] = []
    for spec in (VERDICTS, CURATED, CURRICULUM):
        rows = place.read(spec, where={"version": 1}).to_pylist()
        for row in rows:
            # Apart from the verdict: they quote figures, whose last digits depend on what was encoded together.
            reasons += [f"{row['example_id']} {orjson.dumps(reason).decode()}" for reason in row.pop("reasons", [])]
        lines = sorted(orjson.dumps(row, default=str) for row in rows)
        tables[spec.name] = [len(lines), hashlib.sha256(b"\n".join(lines)).hexdigest()]
    return tables | {"reasons": sorted(reasons)}
