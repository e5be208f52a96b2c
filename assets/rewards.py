"""A reward is tried on the questions of the lake, before a run of RL finds out how it can be hacked."""

from typing import TYPE_CHECKING, Any

import dagster as dg
from pydantic import Field

from assets.checks import graded_check, table_of
from assets.partitions import ENGINES
from assets.specs import CODE, Materialized, table_metadata
from assets.steps import step
from ops.core.grades import PASS
from ops.core.measure_schemas import REWARD_AUDIT
from resources.config.settings import Settings
from resources.engines.progress import Progress
from resources.lake.tables import Lake

if TYPE_CHECKING:
    from resources.rewards.auditing import RewardAudit

_PAYS = "The reward pays for right answers, and for nothing else that it was tried with."


class RewardConfig(dg.Config):
    """Which reward is tried, and how."""

    reward: str = Field(
        description="FILE.py:FUNCTION, an http(s) address, the folder of a sequence classifier, or FILE.parquet:COLUMN."
    )
    style: str = Field("trl", description="How a function is called: trl, trl-text or verl.")
    template: str = Field("{answer}", description="The form that the reward wants answers in, with {answer} in it.")
    examples: int = Field(200, description="How many of the lake's examples are drawn.")
    timeout_s: float = Field(60.0, description="Seconds for a batch of some 40 completions.")
    allow_network: bool = Field(False, description="Whether a function may reach the network.")


@dg.asset(
    name="reward_audit",
    deps=["examples", "images", "drops"],
    group_name="reward",
    kinds={"deltalake", "python"},
    pool=ENGINES,
    code_version=str(CODE),
    metadata=table_metadata(REWARD_AUDIT),
    check_specs=[dg.AssetCheckSpec("pays_for_the_right", asset="reward_audit", description=_PAYS)],
)
@step
def reward_audit(
    config: RewardConfig,
    lake: dg.ResourceParam[Lake],
    settings: dg.ResourceParam[Settings],
    progress: dg.ResourceParam[Progress],
) -> Materialized:
    """Whether a reward is blind or can be hacked, and by what: tried on questions of the lake in pairs of completions
    that differ in one thing. One row of the log `reward_audit` an audit. A function runs in a process of its own,
    because the launch names it; nothing that a drop brought is ever run."""
    from resources.rewards.lake_audits import Trial, audit_on_lake

    trial = Trial(config.reward, config.style, config.template, config.examples, config.timeout_s, config.allow_network)
    audit = audit_on_lake(lake, trial, progress=progress)
    return dg.MaterializeResult(metadata=_metadata(config.reward, audit), check_results=[_check(config.reward, audit)])


def _metadata(reward: str, audit: "RewardAudit") -> dict[str, Any]:
    findings = [
        {
            "verdict": finding.verdict,
            "finding": finding.name,
            "probe": finding.probe,
            "cases": finding.cases,
            "moved": round(finding.share, 3),
            "size": round(finding.size, 3),
            "example": finding.worst,
        }
        for finding in audit.findings
    ]
    counts = {"questions": audit.cases, "with pictures": audit.visual_cases, "completions": audit.questions}
    return {"reward": reward, "verdict": audit.verdict, **counts, "findings": table_of(findings)}


def _check(reward: str, audit: "RewardAudit") -> dg.AssetCheckResult:
    faults = [f"{finding.name}: {finding.detail}" for finding in audit.findings if finding.verdict != PASS]
    return graded_check(audit.verdict, f"{reward}: {audit.verdict}; {'; '.join(faults) or 'nothing else is paid for'}")
