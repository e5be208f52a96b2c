"""Embedding on a real Ray, a real lake and the encoder that ships."""

import io
import subprocess
import sys
import time
from pathlib import Path

import pyarrow as pa
import pytest
from PIL import Image

from ops.core.identity import image_id, text_id
from ops.core.measure_schemas import EMBEDDINGS
from ops.core.schemas import EXAMPLES
from resources.lake.tables import Lake
from resources.models.encoder import load_encoder
from resources.models.stored_vectors import load_vectors
from tests.support.embedded import IDENTITY, SETTINGS, add, drawn, embed


@pytest.mark.full  # an encoder actor takes a quarter of a minute to start
@pytest.mark.usefixtures("ray_session")
def test_each_image_and_text_is_embedded_once(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    pictures = [drawn(seed) for seed in range(5)]
    add(lake, "first", [*pictures, pictures[0]], ["a cat", "a dog", "a cat", "snow \u2603", "", "日本"])
    counts = embed(lake, "first")
    assert (counts.images_new, counts.images_known, counts.texts_new, counts.texts_known) == (5, 0, 5, 0)
    assert counts.metadata()["encoder"] == IDENTITY

    add(lake, "second", [pictures[0], pictures[3]], ["a cat", "a dog"])
    version = lake.version(EMBEDDINGS)
    counts = embed(lake, "second")
    assert (counts.images_new, counts.images_known, counts.texts_new, counts.texts_known) == (0, 2, 0, 2)
    assert lake.version(EMBEDDINGS) == version

    ids = lake.read(EMBEDDINGS, columns=["content_id"])["content_id"].to_pylist()
    assert len(ids) == len(set(ids)) == 10

    encoder = load_encoder(SETTINGS)
    wanted = [image_id(data) for data in pictures[1:]]
    vectors = load_vectors(lake, IDENTITY, "image", [*wanted, image_id(b"unknown")])
    gathered, known = vectors.gather(wanted)
    assert len(vectors) == 4
    assert known.all()
    expected = encoder.encode_images([Image.open(io.BytesIO(data)).convert("RGB") for data in pictures[1:]])
    assert (gathered * expected).sum(1).min() > 0.9995
    gathered, known = load_vectors(lake, IDENTITY, "text", [text_id("a dog")]).gather([text_id("a dog")])
    assert (gathered * encoder.encode_texts(["a dog"])).sum() > 0.9995


@pytest.mark.usefixtures("ray_session")
def test_an_image_that_is_not_in_the_lake_is_an_error(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    add(lake, "first", [drawn(1)], ["a cat"])
    rows = [{"delivery": "other", "messages": [], "image_ids": ["ab" * 32]}]
    examples = pa.Table.from_pylist(rows, schema=EXAMPLES.schema)
    lake.write(EXAMPLES, examples, partition={"delivery": "other"}, once="other")
    with pytest.raises(LookupError, match="1 images that examples show are not in the lake"):
        embed(lake, "other")


def test_a_delivery_without_images_and_texts_starts_no_ray(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    lake.write(EXAMPLES, EXAMPLES.schema.empty_table(), partition={"delivery": "none"}, once="none")
    assert embed(lake, "none").images_new == 0
    assert len(load_vectors(lake, IDENTITY, "image", ["ab"])) == 0


KILLED = """
import sys
from tests.support import embedded as t
from resources.models import encoding
encoding.FLUSH_ROWS, encoding._COMMIT_S = 64, 0
t.embed(t.Lake(sys.argv[1]), "first")
"""


@pytest.mark.full
@pytest.mark.usefixtures("ray_session")
def test_after_a_kill_only_what_was_not_committed_is_embedded_again(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    pictures = [drawn(seed) for seed in range(600)]
    add(lake, "first", pictures, [f"text {n}" for n in range(600)])
    repository = Path(__file__).parents[3]
    child = subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path)], cwd=repository)
    while lake.version(EMBEDDINGS) < 1 and child.poll() is None:
        time.sleep(0.05)
    child.kill()
    child.wait()
    done = lake.read(EMBEDDINGS, columns=["content_id"]).num_rows
    counts = embed(lake, "first")
    assert counts.images_known + counts.texts_known == done > 0
    assert counts.images_new + counts.texts_new == 1200 - done
    ids = lake.read(EMBEDDINGS, columns=["content_id"])["content_id"].to_pylist()
    assert len(ids) == len(set(ids)) == 1200
