"""Writes MDS folders with MosaicML's own library. Runs as a script in an environment that has it, which is not this
project's: it stands alone and needs nothing of `ops`.

Standard input holds one order a line, as JSON: `{"write": FOLDER, "parts": [FILE, ...]}` makes a folder from files of
samples, a line of JSON each: `{"row": ..., "pictures": [FILE, ...]}`; `{"join": FOLDER, "indexes": [FILE, ...]}` joins
the indexes of several folders, in their order. One process does all, for the library takes ten seconds to load.
"""

import json
import sys
from importlib import import_module
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

COLUMNS = {"row": "json", "pictures": "json", "bytes": "bytes"}


def write(folder: str, parts: list[str]) -> None:
    """One MDS folder from the samples of the parts."""
    streaming: Any = import_module("streaming")
    with streaming.MDSWriter(out=folder, columns=COLUMNS, hashes=["sha1"]) as writer:
        for part in parts:
            with open(part, "rb") as lines:
                for line in lines:
                    sample = json.loads(line)
                    data = [Path(name).read_bytes() for name in sample["pictures"]]
                    ranges = [list(pair) for pair in pairwise(accumulate(map(len, data), initial=0))]
                    writer.write({"row": sample["row"], "pictures": ranges, "bytes": b"".join(data)})


def join(folder: str, indexes: list[str]) -> None:
    """One index over several folders. It names their shards by the folders that the indexes lie in."""
    util: Any = import_module("streaming.base.util")
    util.merge_index(indexes, folder)


if __name__ == "__main__":
    for text in sys.stdin:
        order = json.loads(text)
        if "write" in order:
            write(order["write"], order["parts"])
        else:
            join(order["join"], order["indexes"])
