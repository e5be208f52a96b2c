"""What the shifts of a checkpoint say of it: findings and a verdict."""

from collections.abc import Sequence
from dataclasses import dataclass

from ops.checkpoints.clusters import ClusterShift, Loss
from ops.checkpoints.shifts import Interval, LayerShift, SkillShift
from ops.core.grades import PASS, REJECT, WARN, worst


@dataclass(frozen=True, slots=True)
class CheckpointLimits:
    """From where on a finding warns or rejects. What is held against a limit is the end of the interval that speaks
    for the checkpoint, so that few probes accuse nothing; a limit on a layer is never above the layer's null, what an
    edit that does no harm keeps."""

    warn_kept: float = 0.8
    """Of how images lie to each other in a layer, against an edit that does no harm. A light fine-tune that finds more
    texts than before moves the last layer by a tenth."""
    reject_kept: float = 0.5
    """Of the last layer, which is all that a language model sees."""
    reject_lost: float = 0.1
    """Of the share of probes whose text was found, or whose kind was told, before; any loss warns."""
    warn_rank: float = 0.8
    """Effective rank after over before."""
    reject_rank: float = 0.5
    warn_dead: float = 0.1
    """Units that died, as a share of the layer's."""


@dataclass(frozen=True, slots=True)
class Finding:
    """`name` is drift, retrieval, zero_shot, collapse, dead_units, not_finite or cluster; `where` the layer, empty for
    the whole tower, or the name of the cluster of pictures."""

    name: str
    verdict: str
    where: str
    value: float
    interval: Interval | None
    limit: float
    detail: str


def findings_of(
    layers: Sequence[LayerShift], skills: Sequence[SkillShift], limits: CheckpointLimits | None = None
) -> list[Finding]:
    """One for each layer that moved or shrank, each skill, and one for a last layer that stands as it did."""
    limits = limits or CheckpointLimits()
    findings: list[Finding] = []
    for layer in layers:
        last = layer is layers[-1]
        findings += [*_drift(layer, last, limits), *_collapse(layer, last, limits), *_dead(layer, limits)]
        if not layer.finite:
            detail = "gives values that are no numbers"
            findings.append(Finding("not_finite", REJECT, layer.layer, 0.0, None, 0.0, detail))
    return [*findings, *(_skill(skill, limits) for skill in skills)]


def cluster_findings(clusters: Sequence[ClusterShift]) -> list[Finding]:
    """A warning for each cluster of pictures and each way in which it lost more than the rest."""
    return [
        Finding("cluster", WARN, cluster.name, loss.lost, loss.lost_interval, loss.rest, _lost(loss, share))
        for cluster in clusters
        for share, loss in (("nearest pictures", cluster.neighbours), ("texts found", cluster.retrieval))
        if loss is not None and loss.apart
    ]


def _lost(loss: Loss, share: str) -> str:
    low, high = loss.lost_interval
    return (
        f"its pictures lost {loss.lost:.0%} ({low:.0%} to {high:.0%}) of {share}, the others {loss.rest:.0%} "
        f"({loss.before:.0%} before, {loss.after:.0%} after)"
    )


def verdict_of(findings: Sequence[Finding]) -> str:
    """The worst of the findings'; pass where there is none."""
    return worst(finding.verdict for finding in findings)


def _drift(layer: LayerShift, last: bool, limits: CheckpointLimits) -> list[Finding]:
    high = layer.kept_interval[1]
    warn, reject = min(limits.warn_kept, layer.kept_null), min(limits.reject_kept, layer.kept_null)
    if high >= warn and not last:
        return []
    verdict = REJECT if last and high < reject else WARN if high < warn else PASS
    limit = reject if verdict == REJECT else warn
    detail = (
        f"{layer.kept:.0%} is kept of how images lie to each other (CKA {layer.cka:.2f}; "
        f"{layer.harmless:.2f} under an edit that does no harm)"
    )
    return [Finding("drift", verdict, layer.layer, layer.kept, layer.kept_interval, limit, detail)]


def _collapse(layer: LayerShift, last: bool, limits: CheckpointLimits) -> list[Finding]:
    high = layer.rank_ratio_interval[1]
    warn, reject = min(limits.warn_rank, layer.rank_null), min(limits.reject_rank, layer.rank_null)
    if high >= warn:
        return []
    verdict = REJECT if last and high < reject else WARN
    limit = reject if verdict == REJECT else warn
    detail = f"features fill {layer.rank_after:.1f} directions, {layer.rank_before:.1f} before"
    return [Finding("collapse", verdict, layer.layer, layer.rank_ratio, layer.rank_ratio_interval, limit, detail)]


def _dead(layer: LayerShift, limits: CheckpointLimits) -> list[Finding]:
    died = layer.dead_after - layer.dead_before
    if died <= limits.warn_dead:
        return []
    detail = f"{layer.dead_after:.0%} of the units hardly vary, {layer.dead_before:.0%} before"
    return [Finding("dead_units", WARN, layer.layer, died, None, limits.warn_dead, detail)]


def _skill(skill: SkillShift, limits: CheckpointLimits) -> Finding:
    high = skill.change_interval[1]
    limit = -limits.reject_lost * skill.before
    verdict = REJECT if high < limit else WARN if high < 0 else PASS
    detail = f"right on {skill.after:.0%} of {skill.probes} probes, {skill.before:.0%} before"
    change = skill.after - skill.before
    return Finding(skill.name, verdict, "", change, skill.change_interval, limit if verdict == REJECT else 0.0, detail)
