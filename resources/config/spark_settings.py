"""Settings of Spark; apart from the code they steer, so that reading them needs no Spark."""

from collections.abc import Mapping
from dataclasses import dataclass

from resources.config.places import local_path


@dataclass(frozen=True, slots=True)
class SparkSettings:
    """How Spark is started; `spark` in assay.yaml."""

    master: str = ""
    """URL of a cluster; empty runs Spark inside this process's machine."""
    cores: int = 0
    """Cores of a local Spark; 0 takes all of them."""
    memory: str = "2g"
    """Heap of the driver, which in a local Spark does all the work; what does not fit spills to disk."""
    shuffle_partitions: int = 32
    """Partitions of a shuffle before adaptive execution merges the small ones. Raise it with the corpus: about one per
    64 MB that are shuffled."""
    quick_start: bool = False
    """Let Java compile little: half the processor time on a small corpus, much slower on a large one."""
    scratch: str = ""
    """Folder of the files that spill, or several with commas between; empty makes one, for this user alone, in the
    system's temporary folder."""
    driver_host: str = "127.0.0.1"
    """Address that the driver listens on. Loopback keeps it on this machine; a cluster's workers must reach it."""
    options: Mapping[str, str] | None = None
    """Any other Spark options, as they are."""

    def __post_init__(self) -> None:
        for folder in self.scratch_folders():
            local_path(folder, "scratch")

    def scratch_folders(self) -> list[str]:
        """The folders of `scratch`, which Spark takes separated by commas."""
        return [folder.strip() for folder in self.scratch.split(",") if folder.strip()]
