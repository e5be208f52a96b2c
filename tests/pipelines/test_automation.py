"""What follows what was made, without a clock: on an instance in memory, as the daemon evaluates it."""

import dagster as dg
import pytest

from assets.ingest import ingested
from assets.measures import MEASURES
from assets.partitions import drops
from ops.core.measure_schemas import CANARIES
from pipelines.definitions import bind
from resources.config.settings import load_settings
from resources.engines.progress import SilentProgress

pytestmark = pytest.mark.full

DROP = "monday"
OF_A_DROP = dg.AssetSelection.groups("drop", "measures")


class Night:
    """The assets over an empty lake, tick by tick."""

    def __init__(self) -> None:
        self.instance = dg.DagsterInstance.ephemeral()
        self.definitions = bind("lake", load_settings(None), progress=SilentProgress())
        self.instance.add_dynamic_partitions(str(drops.name), [DROP])
        self.cursor: dg.AssetDaemonCursor | None = None
        self.tick()

    def tick(self) -> set[str]:
        """The assets that the daemon would make now."""
        done = dg.evaluate_automation_conditions(
            self.definitions, self.instance, asset_selection=OF_A_DROP, cursor=self.cursor
        )
        self.cursor = done.cursor
        return {result.key.to_user_string() for result in done.results if not result.true_subset.is_empty}

    def made(self, *assets: str) -> None:
        for asset in assets:
            self.instance.report_runless_asset_event(dg.AssetMaterialization(asset, partition=DROP))

    def checked(self, asset: str, check: str, *, passed: bool) -> None:
        judged = dg.AssetCheckEvaluation(dg.AssetKey(asset), check, passed=passed, metadata={}, partition=DROP)
        self.instance.report_runless_asset_event(judged)


@pytest.fixture
def night() -> Night:
    read = Night()
    read.made(*(key.to_user_string() for key in ingested.keys))
    return read


def test_a_rejected_drop_is_followed_by_nothing(night: Night) -> None:
    night.checked("drops", "ingest_gate", passed=False)
    assert night.tick() == set()


def test_an_admitted_drop_is_embedded_and_measured(night: Night) -> None:
    night.made("drops")
    night.checked("drops", "ingest_gate", passed=True)
    assert {"embeddings", "measures_grounding"} <= night.tick()


def test_measures_follow_vectors_that_were_made_anew(night: Night) -> None:
    """As under another encoder: whatever was measured on the vectors before is measured again, and nothing else."""
    night.made("drops", "embeddings", *MEASURES)
    night.checked("drops", "ingest_gate", passed=True)
    night.tick()
    assert night.tick() == set()
    night.made("embeddings")
    assert night.tick() == {*MEASURES, CANARIES.name}
    assert night.tick() == set(), "they are asked for already"
