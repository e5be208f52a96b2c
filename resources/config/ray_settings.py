"""Settings of Ray; apart from the code they steer, so that reading them needs no Ray."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RaySettings:
    """The local Ray; on a cluster the cluster's own settings hold."""

    num_cpus: int | None = None
    """Cores to use; None for all."""
    object_store_mb: int = 500
    """Memory of Ray's object store, in megabytes of 10^6 bytes."""
    patience_s: float = 1200.0
    """Seconds without any result after which a run ends that waits for room in the cluster; six times as many where
    tasks are under way."""

    def __post_init__(self) -> None:
        if self.patience_s <= 0:
            raise ValueError(f"patience_s must be above 0, but is {self.patience_s}")
