"""The canaries of a delivery in Markdown, for Dagster."""

from collections.abc import Sequence

from ops.canaries.outcome import CanaryOutcome


def canary_table(outcomes: Sequence[CanaryOutcome]) -> str:
    """By fault and audit: canaries planted and caught, and the delivery's own rows flagged beside them."""
    lines = ["| fault | audit | planted | caught | 95 % | own rows | flagged |", "|---|---|---|---|---|---|---|"]
    lines += [
        f"| {made.fault} | {made.audit} | {made.planted} | {made.caught} | {made.recall_low:.2f} to "
        f"{made.recall_high:.2f} | {made.own} | {made.flagged} |"
        for made in outcomes
    ]
    return "\n".join(lines)
