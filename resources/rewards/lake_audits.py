"""Rewards tried on a lake's own questions.

examples, images -> cases -> auditing.py -> audit_log.py: a row of the log `reward_audit`
"""

from dataclasses import dataclass
from pathlib import Path

from ops.core.errors import UnusableError
from resources.config.located_yaml import SettingsError
from resources.engines.progress import Progress
from resources.intake.corpus_drops import admitted_deliveries
from resources.lake.tables import Lake
from resources.rewards.audit_log import record_audit
from resources.rewards.auditing import RewardAudit, audit_reward, draw_examples
from resources.rewards.function import STYLES
from resources.rewards.opening import opened
from resources.rewards.table import audit_column


@dataclass(frozen=True, slots=True)
class Trial:
    """What is tried and how: `reference` as `opened` takes it, or FILE.parquet:COLUMN; `template` is the form that the
    reward wants answers in; `timeout_s` seconds for a batch. SettingsError where style or template cannot be."""

    reference: str
    style: str = "trl"
    template: str = "{answer}"
    examples: int = 200
    timeout_s: float = 60.0
    network: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        if self.style not in STYLES:
            raise SettingsError(f"the style is {self.style!r}; give one of {', '.join(STYLES)}")
        if "{answer}" not in self.template:
            raise SettingsError(f"the template is {self.template!r}; it must hold {{answer}}, where the answer stands")

    @property
    def column(self) -> tuple[Path, str] | None:
        """The file and the column of rewards that were given already; None for one that can be asked."""
        file, _, column = self.reference.rpartition(":")
        return (Path(file), column) if file.endswith(".parquet") else None


def audit_on_lake(lake: Lake, trial: Trial, *, progress: Progress) -> RewardAudit:
    """The audit of a reward, which the lake remembers. UnusableError where no drop is admitted."""
    if trial.column:
        audit = audit_column(*trial.column)
    else:
        with opened(trial.reference, style=trial.style, timeout_s=trial.timeout_s, network=trial.network) as reward:
            deliveries = admitted_deliveries(lake)
            if not deliveries:
                raise UnusableError("no drop of the lake is admitted; run `assay run DROP` first")
            drawn = draw_examples(lake, deliveries, trial.examples, seed=trial.seed)
            audit = audit_reward(reward, lake, drawn, template=trial.template, progress=progress, seed=trial.seed)
    record_audit(lake, trial.reference, audit)
    return audit
