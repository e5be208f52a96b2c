"""Rows of a folder that was exported as MDS, as MosaicML's own library reads them."""

import base64
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ops.exports.contract import ExportError
from ops.exports.mds import streaming_python

_READ = """
import base64, json, sys
from streaming import StreamingDataset
for sample in StreamingDataset(local=sys.argv[1], shuffle=False, batch_size=1):
    data = [sample["bytes"][a:b] for a, b in sample["pictures"]]
    print(json.dumps({**sample["row"], "images": [base64.b64encode(picture).decode() for picture in data]}))
"""


def mds_python() -> Path:
    """The Python that has the library; the test is skipped where `make streaming` has not made it."""
    try:
        return streaming_python()
    except ExportError as error:
        pytest.skip(str(error))


def load_mds(folder: Path) -> list[dict[str, Any]]:
    """The rows, their pictures as bytes in `images`."""
    command = [str(mds_python()), "-c", _READ, str(folder)]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    rows = [json.loads(line) for line in output.split("\n") if line.startswith("{")]
    return [{**row, "images": [base64.b64decode(picture) for picture in row["images"]]} for row in rows]
