"""The configuration of a lake's Dagster instance: `infra/dagster.yaml`, copied beside the records of the lake's runs.

`python -m pipelines.instance LAKE` does it for `make dev`, and prints where they lie.
"""

import hashlib
import os
import sys
from pathlib import Path

from resources.config.places import plain_place
from resources.storage.state import dagster_home

SHIPPED = Path(__file__).resolve().parents[1] / "infra" / "dagster.yaml"
#: SHA-256 of what was shipped before. A copy that is one of these was never edited.
FORMER = frozenset(
    {
        "28582a98be6a7535dbfd41b1cda37dd8a81939918bef3694e348e10a04cc78c9",
        "16704bb9956dcbea2198f45a4002fbaec629f092b2010ebd6312718d40c2dbac",
    }
)


def configure(home: Path) -> bool:
    """Puts the shipped configuration into the folder of an instance, which is made where it is missing; False where a
    copy is there that is current already, or that somebody edited."""
    home.mkdir(parents=True, exist_ok=True)
    copy = home / SHIPPED.name
    if copy.exists() and hashlib.sha256(copy.read_bytes()).hexdigest() not in FORMER:
        return False
    unfinished = copy.with_name(f".{copy.name}.{os.getpid()}")
    unfinished.write_bytes(SHIPPED.read_bytes())
    unfinished.replace(copy)
    return True


def home_of(lake: str | Path) -> Path:
    """The folder of the lake's instance, made and configured where it is not there; a folder that DAGSTER_HOME names
    and that is there is its owner's, and stays as it is."""
    home = dagster_home(plain_place(lake))
    if not os.environ.get("DAGSTER_HOME") or not home.exists():
        configure(home)
    return home


if __name__ == "__main__":
    sys.stdout.write(f"{home_of(sys.argv[1])}\n")
