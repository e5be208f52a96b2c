"""Audits of rewards, as the lake remembers them."""

import json
from datetime import UTC, datetime

from ops.core.log import Log
from ops.core.measure_schemas import REWARD_AUDIT
from resources.lake.tables import Lake
from resources.rewards.auditing import RewardAudit


def record_audit(lake: Lake, reward: str, audit: RewardAudit) -> None:
    """Adds the audit of what was named so to the lake's log."""
    row = {
        "at": datetime.now(UTC),
        "reward": reward,
        "cases": audit.cases,
        "visual_cases": audit.visual_cases,
        "questions": audit.questions,
        "verdict": audit.verdict,
        "named": audit.named,
        "outcome": json.dumps(audit.as_json()),
    }
    lake.log(REWARD_AUDIT, lambda _: [row])


def audited_rewards(lake: Lake) -> Log:
    """The audits, in the order in which they were made."""
    return Log.of(lake.read(REWARD_AUDIT))
