"""The rewards that were tried on the lake, as the report shows them."""

import json

from ops.core.grades import PASS
from ops.core.log import Row
from ops.report.model_data import RewardRow
from resources.lake.tables import Lake
from resources.rewards.audit_log import audited_rewards

_MOST = 20


def reward_figures(lake: Lake) -> tuple[RewardRow, ...]:
    """The last audits, the newest first; of one that was tried again only the last."""
    return tuple(map(_row, audited_rewards(lake).newest_by("reward", _MOST)))


def _row(row: Row) -> RewardRow:
    faults = [finding for finding in json.loads(row["outcome"])["findings"] if finding["verdict"] != PASS]
    return RewardRow(
        at=f"{row['at']:%Y-%m-%d %H:%M}",
        reward=row["reward"],
        verdict=row["verdict"],
        cases=row["cases"],
        visual=row["visual_cases"],
        faults=tuple(f"{f['name']}: {f['detail']}{_example(f['worst'])}" for f in faults),
    )


def _example(example_id: str) -> str:
    return f" (most in {example_id})" if example_id else ""
