"""`assay demo`: real data with planted faults through the whole pipeline, and an honest table at the end."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import pyarrow as pa
import typer

from ops.audits.registry import all_audits
from ops.canaries.outcome import CanaryOutcome
from ops.core.arrow import column_values
from ops.core.errors import UnusableError
from ops.core.schemas import EXAMPLES, QUARANTINE
from ops.core.version_schemas import VERDICTS
from ops.demo.build import MOST, build
from ops.demo.faults import Planted, read_planted
from ops.demo.score import Score, Tally, score, tally
from pipelines.app import ConfigOption, DebugOption, JsonOption, app, print_json, settings_of
from pipelines.faults import err, out
from pipelines.run_command import show, spoken, status_of, summarise
from pipelines.tables import canary_table, score_table, tally_table
from resources.config.places import local_path
from resources.gates.canaries import latest_canaries
from resources.intake.corpus_drops import admitted_delivery
from resources.lake.tables import Lake
from resources.report.rule_figures import chances_of, wrong_flags
from resources.versions.canary_chances import version_chances
from resources.versions.publishing import current_version, version_of

DROP = "easy-vqa"


@dataclass(frozen=True, slots=True)
class DemoResult:
    """By planted fault, what was caught; by action and rule, the examples; what was found of canaries."""

    faults: list[Score]
    tally: list[Tally]
    canaries: list[CanaryOutcome]


@app.command()
def demo(
    folder: Annotated[str, typer.Option(help="Where the drop and its lake are made.")] = "demo",
    conversations: Annotated[int, typer.Option(help="Conversations in the drop, 60 to 800.")] = MOST,
    seed: Annotated[int, typer.Option(help="Seed of the planted faults.")] = 7,
    config: ConfigOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Builds a drop from the easy-VQA test split, plants faults, audits it and shows what was found."""
    settings = settings_of(config)
    place = local_path(folder, "the demo")
    drop, lake = place / DROP, place / "lake"
    planted = built(drop, place / "planted.jsonl", seed=seed, conversations=conversations)
    from pipelines.execution import run_all  # the engines take seconds to import

    before = current_version(Lake(lake))
    progress, tell = spoken(settings, lake=str(lake), as_json=as_json, debug=debug)
    outcomes = run_all(lake, settings, {DROP: str(drop)}, progress=progress, tell=tell)
    result = result_of(Lake(lake), planted) if all(outcome.success for outcome in outcomes) else None
    if as_json:
        print_json(summarise(str(lake), outcomes, before=before) | (asdict(result) if result else {}))
    else:
        show(str(lake), outcomes)
        if result:
            for table in (score_table(result.faults), tally_table(result.tally), canary_table(result.canaries)):
                out.print(table)
    raise typer.Exit(status_of(outcomes))


def built(drop: Path, record: Path, *, seed: int, conversations: int) -> list[Planted]:
    """The planted faults of the drop, which is built unless it is there."""
    if not drop.exists():
        return build(drop, record=record, seed=seed, conversations=conversations).planted
    if not record.exists():
        raise UnusableError(f"{drop} is there but {record}, the record of its faults, is not; remove {drop}")
    err.print(f"The drop {drop} is there already; remove {drop.parent} to build it anew.", highlight=False)
    return read_planted(record)


def result_of(lake: Lake, planted: list[Planted]) -> DemoResult:
    """What became of the planted faults, computed from their record and the tables of the lake."""
    version = current_version(lake)
    delivery = admitted_delivery(lake, DROP)
    verdicts = lake.read(VERDICTS, where={"version": version, "delivery": delivery})
    quarantine = lake.read(QUARANTINE, where={"delivery": delivery})
    examples: pa.Table = lake.read(EXAMPLES, where={"delivery": delivery})
    ids = zip(column_values(examples, "example_id", str), column_values(examples, "source_id", str), strict=True)
    scores = score(
        planted,
        verdicts=verdicts,
        quarantine=quarantine,
        examples=examples,
        audits=all_audits().values(),
        chances=[] if version is None else chances_of(lake, version, dict(ids)),
    )
    wrong: Mapping[str, float] = {}
    if version is not None:
        published = version_of(lake, version)
        wrong = wrong_flags(lake, published, version_chances(lake, published, published.row["deliveries"]))
    canaries = latest_canaries(lake, [delivery]).get(delivery, [])
    return DemoResult(scores, tally(verdicts, quarantine, wrong), canaries)
