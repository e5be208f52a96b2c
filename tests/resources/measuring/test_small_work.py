"""A small drop is read, embedded and measured in the process of the run, and starts no Ray: the rows are those that
Ray's workers make."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ops.core.measure_schemas import CANARIES, EMBEDDINGS
from ops.intake.rows import IngestSettings
from resources.config.settings import load_settings
from resources.engines.progress import SilentProgress
from resources.engines.ray import start_ray_for
from resources.intake.ingest import ingest
from resources.lake.tables import Lake
from resources.measuring.delivery import measure_delivery
from resources.measuring.recorded import row_audits
from resources.models.encoder_source import encoder_identity
from tests.support.drops import everything, llava, make_drop

ROOT = Path(__file__).parents[3]
WITHOUT_RAY = """
import sys
from functools import partial
import ray
from ops.intake.rows import IngestSettings
from resources.config.settings import load_settings
from resources.engines.progress import SilentProgress
from resources.intake.ingest import ingest
from resources.lake.tables import Lake
from resources.measuring.delivery import measure_delivery
from resources.measuring.examples import wanted_texts
from resources.measuring.recorded import row_audits
from resources.models.embedding import embed_delivery

lake, settings, progress = Lake(sys.argv[1]), load_settings(), SilentProgress()
delivery = ingest(lake, sys.argv[2], "flowers", settings=IngestSettings(), progress=progress).delivery
counts = embed_delivery(
    lake,
    delivery,
    texts=partial(wanted_texts, lake),
    settings=settings.encoder,
    embedding=settings.embedding,
    progress=progress,
)
names = [audit.name for audit in row_audits()]
measure_delivery(lake, delivery, names=names, settings=settings, encoder=counts.encoder, progress=progress)
assert not ray.is_initialized()
print(counts.images_new + counts.texts_new)
"""


@pytest.mark.full
@pytest.mark.usefixtures("ray_session")
def test_a_small_drop_needs_no_ray(tmp_path: Path) -> None:
    rows = [llava(n % 30, f"{n % 4}.png", f"A square of {n} cm.") for n in range(40)]
    rows[7]["image"] = "gone.png"
    drop = make_drop(tmp_path / "drop", rows)
    own, on_ray = tmp_path / "own", tmp_path / "on ray"
    environment = {**os.environ, "RAY_ADDRESS": "local", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", WITHOUT_RAY, str(own), str(drop)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=400, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    read = ingest(Lake(on_ray), drop, "flowers", settings=IngestSettings(), progress=SilentProgress())
    assert everything(Lake(own)) == everything(Lake(on_ray))
    assert Lake(own).read(EMBEDDINGS).num_rows >= int(done.stdout) > 40

    # The same vectors, whose last bits depend on what is encoded beside them.
    shutil.copytree(own, tmp_path / "again")
    for table in [CANARIES, *(audit.table for audit in row_audits())]:
        shutil.rmtree(tmp_path / "again" / table.name)
    settings, again = load_settings(), Lake(tmp_path / "again")
    words = {"settings": settings, "encoder": encoder_identity(settings.encoder), "progress": SilentProgress()}
    assert start_ray_for(0, most=1), "Ray runs, and takes any work"
    counts = measure_delivery(again, read.delivery, names=[audit.name for audit in row_audits()], **words)
    assert sum(counts.values()) > 300
    for audit in row_audits():
        made = [sorted(map(repr, lake.read(audit.table).to_pylist())) for lake in (Lake(own), again)]
        assert made[0] == made[1], audit.name
