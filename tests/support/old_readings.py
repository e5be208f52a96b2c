"""A drop as an older reader left it in a lake: under the name that it gave these files, with the rows that it saw."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from ops.intake.drop_files import open_drop
from ops.intake.rows import IngestSettings
from resources.engines.progress import SilentProgress
from resources.intake import ingest as ingesting
from resources.intake.ingest import ingest
from resources.lake.tables import Lake


def read_as_before(lake: Lake, folder: Path, drop: str, misread: Mapping[str, bytes]) -> str:
    """Takes in the drop with what the reader of old would have seen in these files; gives the delivery's name. The
    revision is patched to none, as before readings were counted."""
    files = open_drop(folder)
    hashes = {info.name: files.sha256(info.name) for info in files.listing()}
    settings = IngestSettings()
    manifest = ingesting._manifest(files, files.listing())
    delivery = ingesting.delivery_name(drop, hashes, manifest, settings, None)
    kept = {name: (folder / name).read_bytes() for name in misread}
    for name, data in misread.items():
        (folder / name).write_bytes(data)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ingesting, "delivery_name", lambda *_: delivery)
        patch.setattr(ingesting, "READING", None)
        ingest(lake, folder, drop, settings=settings, progress=SilentProgress())
    for name, data in kept.items():
        (folder / name).write_bytes(data)
    return delivery
