"""What every task of an ingest knows."""

from dataclasses import dataclass

from ops.intake.drop import Manifest
from ops.intake.drop_files import DropFiles
from ops.intake.rows import IngestSettings
from resources.lake.scratch import Scratch
from resources.lake.tables import Lake


@dataclass(frozen=True, slots=True)
class Context:
    """Which drop is taken in as which delivery, where its files lie, and how they are to be read."""

    lake: Lake
    files: DropFiles
    drop: str
    delivery: str
    manifest: Manifest
    settings: IngestSettings
    scratch: Scratch
