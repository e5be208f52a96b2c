"""What the test of a whole run has done on a node, called by name (`Node.call`)."""

import hashlib
from pathlib import Path

import orjson

from ops.core.version_schemas import CURATED, CURRICULUM, VERDICTS
from ops.demo.build import FEWEST, build
from resources.storage.storage import Storage
from resources.versions.publishing import version_of
from tests.cluster.steps import opened


def deliver(folder: str, address: str) -> int:
    """Builds the smallest drop of the demo in the folder and copies it to the address; returns its files."""
    drop, place = Path(folder), Storage.at(address)
    build(drop, record=drop.parent / "planted.jsonl", conversations=FEWEST)
    files = sorted(path for path in drop.rglob("*") if path.is_file())
    for path in files:
        place.copy_in(path, path.relative_to(drop).as_posix())
    return len(files)


def published(lake: str) -> dict[str, object]:
    """The lake's first version: its content, and how many rows of what content its tables have."""
    place = opened(lake)
    tables: dict[str, object] = {"content": version_of(place, 1).row["content"]}
    for spec in (VERDICTS, CURATED, CURRICULUM):
        rows = place.read(spec, where={"version": 1}).to_pylist()
        lines = sorted(orjson.dumps(row, default=str) for row in rows)
        tables[spec.name] = [len(lines), hashlib.sha256(b"\n".join(lines)).hexdigest()]
    return tables
