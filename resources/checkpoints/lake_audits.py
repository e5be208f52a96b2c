"""Checkpoints tried on a lake's own pictures.

examples, images -> probes -> auditing.py -> audit_log.py: a row of the log `checkpoints`
"""

from dataclasses import replace
from pathlib import Path

from ops.core.errors import UnusableError
from resources.checkpoints.audit_log import record_audit
from resources.checkpoints.auditing import CheckpointAudit, audit_checkpoint
from resources.checkpoints.probes import draw_probes, read_probes
from resources.checkpoints.towers import EncoderTower, FolderTower, Tower
from resources.checkpoints.weights import read_weights
from resources.config.encoder_settings import EncoderSettings
from resources.engines.progress import Progress
from resources.intake.corpus_drops import admitted_deliveries
from resources.lake.tables import Lake
from resources.models.encoder import load_encoder

_REFERENCES = ("local-dir:", "hf-hub:")


def audit_on_lake(
    lake: Lake,
    path: Path,
    baseline: str,
    *,
    encoder: EncoderSettings,
    pictures: int,
    own: Path | None = None,
    progress: Progress,
    seed: int = 0,
) -> CheckpointAudit:
    """The audit of a checkpoint on at most `pictures` of the lake's and those of the user's `own` file; the lake
    remembers it. `baseline` as `baseline_tower` takes it. UnusableError where no drop is admitted."""
    weights = read_weights(path)
    deliveries = admitted_deliveries(lake)
    if not deliveries:
        raise UnusableError("no drop of the lake is admitted; run `assay run DROP` first")
    drawn = draw_probes(lake, deliveries, pictures, seed=seed)
    audit = audit_checkpoint(
        weights,
        baseline_tower(baseline, encoder),
        [*drawn.probes, *(read_probes(own) if own else ())],
        visual_share=drawn.visual_share,
        progress=progress,
        seed=seed,
    )
    record_audit(lake, audit)
    return audit


def baseline_tower(reference: str, settings: EncoderSettings) -> Tower:
    """The tower that is named: a model's folder as transformers saves it, `local-dir:PATH`, `hf-hub:ORG/NAME`, or
    MODEL[:PRETRAINED] of open_clip; that of the settings where nothing is."""
    if reference and (Path(reference) / "config.json").is_file():
        return FolderTower.load(Path(reference))
    if reference.startswith(_REFERENCES):
        settings = replace(settings, model=reference, pretrained=None)
    elif reference:
        model, _, pretrained = reference.partition(":")
        settings = replace(settings, model=model, pretrained=pretrained or None)
    return EncoderTower(load_encoder(settings))
