"""Settings of operation: when runs start by themselves, what is tried again, and who hears of what went wrong."""

from dataclasses import dataclass, field
from typing import Literal
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True)
class AlertSettings:
    """Where alerts go; `operation.alerts` in assay.yaml. Empty sends none."""

    webhook: str = ""
    """Address that takes Slack's `{"text": ...}`; the environment variable ASSAY_ALERT_WEBHOOK comes before it."""
    email_to: tuple[str, ...] = ()
    email_from: str = ""
    smtp_host: str = ""
    smtp_port: int = 587
    """465 is spoken to in TLS from the first byte; any other port starts TLS where the server offers it."""
    smtp_user: str = ""
    """Its password is in the environment variable ASSAY_SMTP_PASSWORD."""

    def __post_init__(self) -> None:
        if self.webhook and not self.webhook.startswith(("http://", "https://")):
            raise ValueError("webhook must begin with https:// or http://")
        if self.email_to and not (self.smtp_host and self.email_from):
            raise ValueError("email_to needs smtp_host and email_from as well")


@dataclass(frozen=True, slots=True)
class CheckpointSettings:
    """Fine-tuned image towers that are audited as they are saved; `operation.checkpoints` in assay.yaml."""

    watched: str = ""
    """Folder whose files and sub-folders are checkpoints; empty watches none."""
    baseline: str = ""
    """What they are made from: a model's folder, local-dir:PATH, hf-hub:ORG/NAME or MODEL:PRETRAINED; empty for the
    encoder."""
    pictures: int = 256
    """How many of the lake's pictures each is tried on, at most."""
    settled_seconds: float = 60.0
    """How long a checkpoint must not have been written to before it is read."""

    def __post_init__(self) -> None:
        if self.pictures < 1 or self.settled_seconds < 0:
            raise ValueError("pictures must be at least 1, settled_seconds 0 or more")


@dataclass(frozen=True, slots=True)
class OperationSettings:
    """What runs when nobody asks; `operation` in assay.yaml."""

    nightly: bool = False
    """Whether the schedule of versions is on when the UI first sees it; there it can be switched either way."""
    cron: str = "0 2 * * *"
    time_zone: str = "UTC"
    watch: bool = False
    """The same for the sensor of `ingest.watched`."""
    watch_seconds: int = 30
    overdue_hours: float = 24.0
    """How long a watched folder may stay incomplete before it is reported."""
    fresh_hours: float = 26.0
    """Age of the last night without a failure from which versions are called stale."""
    measured_hours: float = 168.0
    """How long after its last drop a measure is called stale in the UI; 0: never."""
    retries: int = 2
    """How often a step is tried again that lost a worker or its storage; bad data is never tried again."""
    owners: tuple[str, ...] = ()
    """Who looks after the assets, for the UI: mail addresses, or team:NAME."""
    ui: str = "http://127.0.0.1:3000"
    """Where the UI is reached, for the links of alerts; empty for none."""
    logs: Literal["text", "json"] = "text"
    """How the command line says what goes on: lines or bars for a person, or a JSON object a line."""
    metrics: str = ""
    """File that figures for Prometheus are written to after each drop and each version; empty writes none."""
    lineage: str = ""
    """Server of OpenLineage (http://... or https://...) or file that events go to; empty sends none."""
    checkpoints: CheckpointSettings = field(default_factory=CheckpointSettings)
    alerts: AlertSettings = field(default_factory=AlertSettings)

    def __post_init__(self) -> None:
        try:
            ZoneInfo(self.time_zone)
        except (KeyError, ValueError, OSError):
            raise ValueError(f"time_zone {self.time_zone!r} is unknown; an example is Europe/Vienna") from None
        if self.watch_seconds < 1 or self.retries < 0 or self.overdue_hours <= 0 or self.fresh_hours <= 0:
            raise ValueError("watch_seconds, overdue_hours and fresh_hours must be above 0, retries 0 or more")
        if self.measured_hours < 0:
            raise ValueError("measured_hours must be 0 or more")
        for owner in self.owners:
            if not (owner.startswith("team:") and owner[5:]) and "@" not in owner:
                raise ValueError(f"owner {owner!r} must be a mail address or team:NAME")
