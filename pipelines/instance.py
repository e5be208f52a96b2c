"""The configuration of a lake's Dagster instance: `infra/instance/dagster.yaml`, copied beside the records of its runs.

`python -m pipelines.instance LAKE` does it for `make dev`, and prints where they lie.
"""

import hashlib
import os
import sys
from functools import partial
from pathlib import Path

import dagster as dg
from dagster._core.definitions.repository_definition import SINGLETON_REPOSITORY_NAME
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin

from resources.config.places import plain_place
from resources.storage.state import dagster_home

SHIPPED = Path(__file__).resolve().parents[1] / "infra" / "instance" / "dagster.yaml"
#: The name that workspace.yaml gives our definitions.
LOCATION = "pipelines.definitions"
#: SHA-256 of what was shipped before. A copy that is one of these was never edited.
FORMER = frozenset(
    {
        "28582a98be6a7535dbfd41b1cda37dd8a81939918bef3694e348e10a04cc78c9",
        "0ad0fa6565b636319d06181c054476770f227b6d1382d4b594d3a1b629b50113",
        "16704bb9956dcbea2198f45a4002fbaec629f092b2010ebd6312718d40c2dbac",
        "043763df2d049824c8907ecaa66c8621f46a745566c7c23fe7f406e1383e95b4",
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


def show_in_ui(instance: dg.DagsterInstance, job: str) -> None:
    """Lets runs that this process makes of the job stand as runs of the UI's definitions: without that the timeline
    leaves them out, and the sensors that alert do not see them."""
    repository = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin(LOCATION), SINGLETON_REPOSITORY_NAME)
    create = partial(type(instance).create_run_for_job, instance, remote_job_origin=RemoteJobOrigin(repository, job))
    # Dagster has no argument for it where a job runs in the process that asks (1.13).
    vars(instance)["create_run_for_job"] = create


if __name__ == "__main__":
    sys.stdout.write(f"{home_of(sys.argv[1])}\n")
