"""Towers that are known to be sound pass; towers that were spoilt in known ways are rejected, on real photos."""

from pathlib import Path

import numpy as np
import pytest
import torch

from ops.checkpoints.findings import PASS, REJECT
from ops.core.errors import UnusableError
from resources.checkpoints.audit_log import audited_checkpoints, record_audit
from resources.checkpoints.auditing import CheckpointAudit, audit_checkpoint
from resources.checkpoints.towers import EncoderTower, FolderTower
from resources.checkpoints.weights import read_weights
from resources.engines.progress import SilentProgress
from resources.lake.tables import Lake
from tests.support.tiny_models import save_llava, save_qwen
from tests.support.tuned_towers import PhotoTuning, mini_encoder, save

pytestmark = [pytest.mark.full, pytest.mark.timeout(900)]

#: Set before any tuning was tried on them.
INDOORS = ("dining table", "bowl", "cup", "fork", "oven", "sink", "laptop", "keyboard", "book")


@pytest.fixture(scope="module")
def tuning(photos: Path) -> PhotoTuning:
    return PhotoTuning(photos, mini_encoder())


def audited(tuning: PhotoTuning, weights: dict[str, torch.Tensor], folder: Path) -> CheckpointAudit:
    path = save(weights, folder / "tuned.safetensors")
    return audit_checkpoint(read_weights(path), EncoderTower(mini_encoder()), tuning.probes, progress=SilentProgress())


def named(audit: CheckpointAudit) -> set[str]:
    return {finding.name for finding in audit.findings if finding.verdict != PASS}


def test_the_same_weights_in_half_the_bits_pass(tuning: PhotoTuning, tmp_path: Path) -> None:
    weights = {
        name: value.bfloat16() if value.is_floating_point() else value
        for name, value in tuning.encoder.model.state_dict().items()
    }
    audit = audited(tuning, weights, tmp_path)
    assert (audit.verdict, named(audit), audit.advice) == (PASS, set(), ())
    assert audit.change.changed > 0


def test_a_light_tuning_on_true_captions_passes(tuning: PhotoTuning, tmp_path: Path) -> None:
    audit = audited(tuning, tuning.tuned(tuning.own, rate=1e-5, steps=20), tmp_path)
    assert (audit.verdict, named(audit)) == (PASS, set())
    assert audit.skills[0].after > audit.skills[0].before


@pytest.mark.parametrize("whose", ["another", "any"])
def test_a_tuning_on_captions_of_other_pictures_is_rejected(tuning: PhotoTuning, whose: str, tmp_path: Path) -> None:
    audit = audited(tuning, tuning.tuned(getattr(tuning, whose), rate=2e-4, steps=20), tmp_path)
    assert audit.verdict == REJECT
    assert "retrieval" in named(audit)
    rejected = {finding.where for finding in audit.findings if finding.name == "drift" and finding.verdict == REJECT}
    assert rejected == {"embedding"}
    lake = Lake(tmp_path / "lake")
    record_audit(lake, audit)
    row = audited_checkpoints(lake).rows[0]
    assert (row["verdict"], row["probes"], row["weights"]) == (REJECT, 51, audit.weights)
    assert row["retrieval"] < row["retrieval_before"]


def test_the_kind_of_pictures_that_a_tuning_ruined_is_named(tuning: PhotoTuning, tmp_path: Path) -> None:
    """Photos of tables, kitchens and desks learn the captions of each other, all others their own."""
    ruined = tuning.showing(INDOORS)
    audit = audited(tuning, tuning.tuned(tuning.muddled(INDOORS), rate=2e-4, steps=20), tmp_path)
    assert "cluster" in named(audit)
    (lost,) = [cluster for cluster in audit.clusters if cluster.apart]
    assert lost == audit.clusters[0]
    is_lost = np.array([probe.image_id in lost.pictures for probe in tuning.probes])
    assert ruined[is_lost].mean() > 0.7
    assert ruined[~is_lost].mean() < 0.3
    assert lost.raise_by > 1
    assert any(lost.name in advice and f"{lost.raise_by:g} times" in advice for advice in audit.advice)


def test_a_tuning_on_true_captions_alone_names_no_kind_of_pictures(tuning: PhotoTuning, tmp_path: Path) -> None:
    audit = audited(tuning, tuning.tuned(tuning.own, rate=2e-4, steps=20), tmp_path)
    assert len(audit.clusters) > 1
    assert not any(cluster.apart for cluster in audit.clusters)
    assert "cluster" not in named(audit)


def test_a_tower_that_drifts_under_text_is_rejected(tuning: PhotoTuning, tmp_path: Path) -> None:
    """A language model learns to say captions of any picture, and its loss moves the tower."""
    audit = audited(tuning, tuning.tuned_by_words(tuning.any, rate=2e-4, steps=20), tmp_path)
    assert audit.verdict == REJECT
    assert {"drift", "retrieval"} <= named(audit)


@pytest.mark.parametrize("kind", [save_llava, save_qwen])
def test_towers_of_transformers_are_held_against_their_own(tuning: PhotoTuning, kind, tmp_path: Path) -> None:
    for name, seed in (("before", 0), ("after", 1)):
        torch.manual_seed(seed)
        (tmp_path / name).mkdir()
        kind(tmp_path / name)
    looked_at = tuning.probes[:24]
    same, other = (
        audit_checkpoint(
            read_weights(tmp_path / name), FolderTower.load(tmp_path / "before"), looked_at, progress=SilentProgress()
        )
        for name in ("before", "after")
    )
    assert same.verdict == PASS
    assert [layer.cka for layer in same.layers] == pytest.approx([1.0] * len(same.layers))
    assert (same.change.changed, same.change.outside > 0) == (0, True)
    assert other.change.changed > 10
    assert other.layers[-1].cka < same.layers[-1].cka


def test_too_few_pictures_are_said(tuning: PhotoTuning, tmp_path: Path) -> None:
    weights = read_weights(save({"a": torch.ones(1)}, tmp_path / "a.safetensors"))
    with pytest.raises(UnusableError, match="at least 16 are needed"):
        audit_checkpoint(weights, EncoderTower(tuning.encoder), tuning.probes[:3], progress=SilentProgress())
