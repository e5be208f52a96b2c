"""A lake that holds a delivery as ingest and the encoder leave it."""

from pathlib import Path

import pyarrow as pa

from ops.core.measure_schemas import EMBEDDINGS
from ops.core.schemas import BOXES, EXAMPLES, IMAGES
from ops.evidence.inputs import RowInputs
from resources.lake.tables import Lake
from tests.support.samples import sample_images, stored_vectors


def stored(folder: Path, inputs: RowInputs) -> tuple[Lake, str]:
    """A lake that holds the examples, and what is looked at beside them."""
    lake, examples = Lake(folder), inputs.examples
    delivery = examples["delivery"][0].as_py()
    lake.write(EXAMPLES, examples, partition={"delivery": delivery}, once="examples")
    lake.write(BOXES, inputs.boxes, partition={"delivery": delivery}, once="boxes")
    images = sample_images(examples)
    images = images.add_column(1, "bytes", pa.array([b""] * images.num_rows, pa.large_binary()))
    lake.commit(IMAGES, lake.stage(IMAGES, images, {}), once="images")
    for modality in ("image", "text"):
        rows = stored_vectors(inputs)
        rows = rows.filter(pa.array([value == modality for value in rows["modality"].to_pylist()]))
        lake.commit(
            EMBEDDINGS, lake.stage(EMBEDDINGS, rows, {"encoder": "sample", "modality": modality}), once=modality
        )
    return lake, delivery
