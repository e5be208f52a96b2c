"""Loads a data set, or a blend of several, with Megatron-Energon's own loader: one epoch, in its order.

Arguments: the export's folder, and names below it. Each row is the sample's JSON with `pictures` and its `stage`, the
name that it was loaded by.
"""

import json
import sys
from pathlib import Path

from loaded_rows import digest
from megatron_energon_reader import samples


def main(folder: str, *names: str) -> None:
    for name in names:
        for loaded in samples(Path(folder) / name):
            pictures = [digest(picture) for picture in loaded.pictures]
            print(json.dumps({**loaded.row, "key": loaded.__key__, "pictures": pictures, "stage": name}))


if __name__ == "__main__":
    main(*sys.argv[1:])
