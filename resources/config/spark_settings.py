"""Settings of Spark; apart from the code they steer, so that reading them needs no Spark."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from resources.config.places import local_path

QUICK_ROWS = 20_000
"""Examples of a corpus below which Java compiles little."""
PARTITION_ROWS = 5_000
"""Examples of a corpus for each partition of a shuffle, up to `shuffle_partitions`."""


@dataclass(frozen=True, slots=True)
class SparkSettings:
    """How Spark is started; `spark` in assay.yaml."""

    master: str = ""
    """URL of a cluster; empty runs Spark inside this process's machine."""
    cores: int = 0
    """Cores of a local Spark; 0 takes all of them."""
    memory: str = "2g"
    """Heap of the driver, which in a local Spark does all the work; what does not fit spills to disk."""
    executor_cores: int = 0
    """Cores of each executor of a cluster; 0 leaves it to the cluster."""
    executor_memory: str = ""
    """Heap of each executor of a cluster, like 4g; empty leaves it to the cluster."""
    executor_python_memory: str = ""
    """Memory of all Python workers of an executor beside its heap; empty sets no limit."""
    python: str = ""
    """Python of the executors; empty takes the path of this process's interpreter, which must be there on each."""
    archives: str = ""
    """Packages for the executors: a packed environment (conda-pack, venv-pack) that Spark unpacks on each, with the
    folder to unpack it to, like s3a://bucket/env.tar.gz#env; `python` is then env/bin/python."""
    shuffle_partitions: int = 32
    """Partitions of a shuffle before adaptive execution merges the small ones; a small corpus has fewer. Raise it with
    the corpus: about one per 64 MB that are shuffled."""
    whole_days: float = 7
    """Days after which a corpus audit measures all rows again; between, it measures those that a new delivery, or one
    that is gone, touches. The measures are the same; 0 measures all rows always."""
    whole_below: int = 300_000
    """Rows below which an audit measures all of them: what changed is then no less work to find."""
    quick_start: bool | None = None
    """Let Java compile little, and Spark make no classes for expressions and plan a query once: half the processor time
    on a small corpus, much slower on a large one. None does so where the corpus is small."""
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
        if self.whole_days < 0:
            raise ValueError(f"whole_days is {self.whole_days}; it must be at least 0")
        if self.whole_below < 0:
            raise ValueError(f"whole_below is {self.whole_below}; it must be at least 0")
        if self.executor_cores < 0:
            raise ValueError(f"executor_cores is {self.executor_cores}; it must be at least 0, which sets none")
        if self.archives and not self.python:
            raise ValueError("archives hold the executors' Python: say in `python` where it lies, like env/bin/python")

    def sized(self, rows: int) -> "SparkSettings":
        """These settings for a corpus of so many examples."""
        partitions = min(self.shuffle_partitions, max(1, -(-rows // PARTITION_ROWS)))
        quick = rows < QUICK_ROWS if self.quick_start is None else self.quick_start
        return replace(self, shuffle_partitions=partitions, quick_start=quick)

    def scratch_folders(self) -> list[str]:
        """The folders of `scratch`, which Spark takes separated by commas."""
        return [folder.strip() for folder in self.scratch.split(",") if folder.strip()]

    def executor_options(self) -> dict[str, str]:
        """What is set of the executors, by Spark's own names."""
        options = {
            "spark.executor.cores": str(self.executor_cores or ""),
            "spark.executor.memory": self.executor_memory,
            "spark.executor.pyspark.memory": self.executor_python_memory,
            "spark.archives": self.archives,
        }
        return {name: value for name, value in options.items() if value}
