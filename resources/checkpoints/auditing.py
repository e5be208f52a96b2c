"""The audit of a checkpoint: a fine-tuned image tower beside the pretrained one, on the same pictures.

baseline, probes -> features before, and of harmless edits; weights fitted -> features after -> shifts -> findings
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

from ops.checkpoints.clusters import ClusterShift, cluster_shifts
from ops.checkpoints.findings import CheckpointLimits, Finding, cluster_findings, findings_of, verdict_of
from ops.checkpoints.retrieval import first_hits
from ops.checkpoints.shifts import (
    FEWEST_PROBES,
    GroupShift,
    LayerShift,
    SkillShift,
    group_shifts,
    layer_shifts,
    skill_shift,
)
from ops.core.errors import UnusableError
from ops.core.grades import PASS
from resources.checkpoints.fitting import WeightChange
from resources.checkpoints.probes import Probe, identity_of
from resources.checkpoints.towers import EMBEDDING, Loaders, Tower
from resources.checkpoints.weights import Weights
from resources.engines.progress import Progress

Hits = dict[str, np.ndarray]
#: As zero-shot classification asks (Radford et al., 2021).
_KIND = "a photo of a {}."


@dataclass(frozen=True, slots=True)
class CheckpointAudit:
    """What came of it. `texts` says whether the checkpoint brought a text tower of its own; `advice`, where it did not
    pass, what of the data to change."""

    verdict: str
    checkpoint: str
    weights: str
    baseline: str
    probe_set: str
    probes: int
    findings: tuple[Finding, ...]
    layers: tuple[LayerShift, ...]
    skills: tuple[SkillShift, ...]
    groups: tuple[GroupShift, ...]
    clusters: tuple[ClusterShift, ...]
    change: WeightChange
    texts: bool
    advice: tuple[str, ...]

    def as_json(self) -> dict[str, object]:
        """Plain values."""
        return asdict(self)


def audit_checkpoint(
    weights: Weights,
    baseline: Tower,
    probes: Sequence[Probe],
    *,
    visual_share: float | None = None,
    limits: CheckpointLimits | None = None,
    progress: Progress,
    seed: int = 0,
) -> CheckpointAudit:
    """Hold a checkpoint against its baseline, which goes on with its weights, on the probes. `visual_share` of the data
    it was trained on is for the advice. UnusableError where there are too few probes, CheckpointError where the weights
    do not fit."""
    _require_enough(probes)
    look = _Looking(baseline, probes, progress)
    before, edited = look.features("the baseline"), look.features("the baseline, edited pictures", edited=True)
    hits_before = look.hits(before[EMBEDDING])
    tower, texts = baseline.take(weights)
    after = look.features("the checkpoint")
    hits_after = look.hits(after[EMBEDDING])
    layers = layer_shifts(before, edited, after, seed=seed)
    skills = [skill_shift(name, hits, hits_after[name], seed=seed) for name, hits in hits_before.items()]
    spaces = (before[EMBEDDING], edited[EMBEDDING], after[EMBEDDING])
    groups = tuple(group_shifts([probe.group for probe in probes], *spaces, seed=seed))
    clusters = _clusters(probes, spaces, (hits_before, hits_after), seed)
    findings = [*findings_of(layers, skills, limits), *cluster_findings(clusters)]
    verdict = verdict_of(findings)
    return CheckpointAudit(
        verdict=verdict,
        checkpoint=str(weights.path),
        weights=weights.identity,
        baseline=baseline.identity,
        probe_set=identity_of(probes),
        probes=len(probes),
        findings=tuple(findings),
        layers=tuple(layers),
        skills=tuple(skills),
        groups=groups,
        clusters=tuple(clusters),
        change=tower.change,
        texts=texts,
        advice=tuple(_advice(groups, clusters, visual_share)) if verdict != PASS else (),
    )


def _clusters(
    probes: Sequence[Probe],
    spaces: tuple[np.ndarray, np.ndarray, np.ndarray],
    hits: tuple[Hits, Hits],
    seed: int,
) -> list[ClusterShift]:
    before, after = (own.get("retrieval") for own in hits)
    return cluster_shifts(
        [probe.image_id for probe in probes],
        [probe.text for probe in probes],
        spaces,
        None if before is None or after is None else (before, after),
        seed=seed,
    )


def _require_enough(probes: Sequence[Probe]) -> None:
    if len(probes) < FEWEST_PROBES:
        raise UnusableError(
            f"{len(probes)} pictures with a text to try the checkpoint on, at least {FEWEST_PROBES} are needed; name a "
            "lake with more with --lake, or a file of your own with --probes"
        )


@dataclass(frozen=True, slots=True)
class _Looking:
    """The tower, as it stands, before the probes."""

    tower: Tower
    probes: Sequence[Probe]
    progress: Progress

    def features(self, label: str, *, edited: bool = False) -> dict[str, np.ndarray]:
        """Of each layer, as the tower gives them."""
        images: Loaders = [(lambda probe=probe: probe.edited if edited else probe.image) for probe in self.probes]
        return self.tower.features(images, self.progress, f"Look with {label}")

    def hits(self, images: np.ndarray) -> Hits:
        """By the skill's name, whether each probe goes right: its own text found, its kind told where all have one.
        None of a tower without texts."""
        kinds = [_KIND.format(probe.label) for probe in self.probes if probe.label]
        asked = {"retrieval": [probe.text for probe in self.probes]}
        if len(kinds) == len(self.probes) and len(set(kinds)) > 1:
            asked["zero_shot"] = kinds
        hits: Hits = {}
        for skill, wanted in asked.items():
            offered = sorted(set(wanted))
            vectors = self.tower.texts(offered)
            if vectors is not None:
                hits[skill] = first_hits(images, vectors, wanted, offered)
        return hits


def _advice(groups: Sequence[GroupShift], clusters: Sequence[ClusterShift], visual_share: float | None) -> list[str]:
    advice = [
        f"raise {group.group or 'the unnamed dataset'}: its pictures moved {group.moved:.1f} times as far as under a "
        f"harmless edit, the others {group.rest:.1f}"
        for group in groups
        if group.apart
    ]
    advice += [
        f"look at the rows of pictures like {cluster.name!r}; where they are sound, raise them: let them count "
        f"{cluster.raise_by:g} times as much as others"
        for cluster in clusters
        if cluster.apart
    ]
    if visual_share is not None and visual_share < 0.5:
        advice.append(
            f"only {visual_share:.0%} of the examples show a picture: set `mix.visual_share` in assay.yaml higher, and "
            "train on the version that comes of it"
        )
    return advice
