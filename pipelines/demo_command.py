"""`assay demo`: real data with planted faults through the whole pipeline, and an honest table at the end."""

from functools import partial
from pathlib import Path
from typing import Annotated

import pyarrow as pa
import typer

from ops.audits.registry import all_audits
from ops.core.errors import UnusableError
from ops.core.schemas import EXAMPLES, QUARANTINE
from ops.core.version_schemas import VERDICTS
from ops.demo.build import MOST, build
from ops.demo.faults import Planted, read_planted
from ops.demo.score import score, tally
from pipelines.app import ConfigOption, DebugOption, app, settings_of
from pipelines.faults import err, out
from pipelines.run_command import say, show, status_of
from pipelines.tables import canary_table, score_table, tally_table
from resources.config.places import local_path
from resources.engines.progress import console_progress
from resources.gates.canaries import latest_canaries
from resources.intake.corpus_drops import admitted_delivery
from resources.lake.tables import Lake
from resources.report.rule_figures import wrong_flags_of
from resources.versions.publishing import current_version

DROP = "easy-vqa"


@app.command()
def demo(
    folder: Annotated[str, typer.Option(help="Where the drop and its lake are made.")] = "demo",
    conversations: Annotated[int, typer.Option(help="Conversations in the drop, 60 to 800.")] = MOST,
    seed: Annotated[int, typer.Option(help="Seed of the planted faults.")] = 7,
    config: ConfigOption = None,
    debug: DebugOption = False,
) -> None:
    """Builds a drop from the easy-VQA test split, plants faults, audits it and shows what was found."""
    settings = settings_of(config)
    place = local_path(folder, "the demo")
    drop, lake = place / DROP, place / "lake"
    planted = built(drop, place / "planted.jsonl", seed=seed, conversations=conversations)
    from pipelines.execution import run_all  # the engines take seconds to import

    tell = partial(say, lake=str(lake), debug=debug)
    outcomes = run_all(lake, settings, {DROP: str(drop)}, progress=console_progress(err), tell=tell)
    show(str(lake), outcomes)
    if all(outcome.success for outcome in outcomes):
        show_score(Lake(lake), planted)
    raise typer.Exit(status_of(outcomes))


def built(drop: Path, record: Path, *, seed: int, conversations: int) -> list[Planted]:
    """The planted faults of the drop, which is built unless it is there."""
    if not drop.exists():
        return build(drop, record=record, seed=seed, conversations=conversations).planted
    if not record.exists():
        raise UnusableError(f"{drop} is there but {record}, the record of its faults, is not; remove {drop}")
    out.print(f"The drop {drop} is there already; remove {drop.parent} to build it anew.", highlight=False)
    return read_planted(record)


def show_score(lake: Lake, planted: list[Planted]) -> None:
    """Prints what became of the planted faults, computed from their record and the tables of the lake."""
    version = current_version(lake)
    delivery = admitted_delivery(lake, DROP)
    verdicts = lake.read(VERDICTS, where={"version": version, "delivery": delivery})
    quarantine = lake.read(QUARANTINE, where={"delivery": delivery})
    examples: pa.Table = lake.read(EXAMPLES, where={"delivery": delivery})
    scores = score(planted, verdicts=verdicts, quarantine=quarantine, examples=examples, audits=all_audits().values())
    out.print(score_table(scores))
    wrong = {} if version is None else wrong_flags_of(lake, version)
    out.print(tally_table(tally(verdicts, quarantine, wrong)))
    out.print(canary_table(latest_canaries(lake, [delivery]).get(delivery, [])))
