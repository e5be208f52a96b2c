"""What Assay makes of a drop: `assay run` with the shipped settings, read back from its lake.

Where a gate refuses the version, which is what gates are for, the drop is run again with the limits of gates opened, so
that there is something to train on; the refusal is kept. Nothing else is set.
"""

import json
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from ops.core.arrow import column_values
from ops.core.schemas import EXAMPLES
from ops.core.version_schemas import CURATED, CURRICULUM
from ops.decision.curriculum import Control, control
from resources.lake.tables import Lake
from resources.versions.publishing import current_version

OPEN_GATES = {
    "removed_limit": 1.0,
    "removed_limit_dataset": 1.0,
    "removed_limit_cluster": 1.0,
    "diversity_limit": 1.0,
    "contradiction_limit": 1.0,
    "unresolved_limit": 1.0,
    "pollution_limit": 1.0,
}
MIX = 0.4
"""The visual share, in tenths, that the defaults of `mix` let a drop of a fifth visual rows be brought to."""


@dataclass(frozen=True, slots=True)
class Curated:
    """Of a version the SFT rows by source id: weights, and their orders. `refused`: the gates that it failed with the
    shipped limits."""

    weights: dict[str, float]
    orders: dict[Control, list[str]]
    refused: list[str]


def curated(work: Path, *, mix: bool = False) -> Curated:
    """The version of the drop in `work/drop`, made unless it was; `mix` sets the target mix as well."""
    kept = work / ("mixed.json" if mix else "curated.json")
    if kept.exists():
        return Curated(**json.loads(kept.read_text("utf-8")))
    settings: dict[str, object] = {"mix": {"visual_share": MIX}} if mix else {}
    refused = _run(work, settings)
    if refused:
        still = _run(work, settings | {"gates": OPEN_GATES})
        if still:
            raise RuntimeError(f"{work / 'drop'}: no version with open gates either: {still}")
    made = read_version(Lake(work / "lake"), refused)
    kept.write_text(json.dumps(asdict(made)), "utf-8")
    return made


def _run(work: Path, settings: dict[str, object]) -> list[str]:
    """Runs the drop; the gates that failed. Raises RuntimeError where anything else did."""
    config = work / "assay.yaml"
    config.write_text(json.dumps(settings), "utf-8")
    command = [sys.executable, "-c", "from pipelines.cli import main; main()", "run", str(work / "drop"), "--json"]
    command += ["--lake", str(work / "lake"), "--config", str(config)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    runs = json.loads(done.stdout)["runs"]
    failures = [failure for run in runs for failure in run["gate_failures"]]
    if done.returncode and not failures:
        raise RuntimeError(f"{work / 'drop'}: {[run['error'] for run in runs]}")
    return failures


def read_version(lake: Lake, refused: list[str]) -> Curated:
    """The current version's SFT rows."""
    version = current_version(lake)
    examples = lake.read(EXAMPLES)
    named = dict(
        zip(column_values(examples, "example_id", str), column_values(examples, "source_id", str), strict=True)
    )
    members = lake.read(CURATED, where={"version": version, "kind": "sft"}).to_pylist()
    weights = {named[row["example_id"]]: float(row["weight"]) for row in members}
    ordered = lake.read(CURRICULUM, where={"version": version})
    orders: dict[Control, list[str]] = {}
    for order in ("own", "random", "reversed"):
        ids = column_values(control(ordered, order, seed=0), "example_id", str)
        orders[order] = [named[one] for one in ids if named[one] in weights]
    return Curated(weights, orders, refused)
