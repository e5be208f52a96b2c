"""Tells whoever collects lineage of each asset that a step makes, fails to make or passes over, and of each check."""

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast

import dagster as dg

from assets.around import Passed, around, as_made
from assets.lineage import LINEAGE
from assets.partitions import drop_of
from assets.specs import Materialized
from resources.config.settings import Settings
from resources.lineage.making import Finding, Judgement, Made, Making

if TYPE_CHECKING:
    from openlineage.client.event_v2 import RunEvent

Given = ParamSpec("Given")
Returned = TypeVar("Returned")
NO_LINEAGE = dg.TableColumnLineage({})


def traced(compute: Callable[Given, Returned]) -> Callable[Given, Returned]:
    """Around an asset's function, which takes `lake` and `settings`: events to `operation.lineage`, if that is set.
    Events that cannot be told are named in the log, once a step: the data is none the worse."""
    return around(compute, _telling)


@contextmanager
def _telling(arguments: Mapping[str, Any]) -> Generator[Passed]:
    settings: Settings = arguments["settings"]
    if not settings.operation.lineage:
        yield as_made
        return
    step = _Step(arguments, settings.operation.lineage)
    try:
        yield step.passed
    except GeneratorExit:  # nobody takes what else it would make
        raise
    except BaseException as error:
        step.failed(str(error) or type(error).__name__)
        raise
    step.ended()


class _Step:
    """The assets of a step that are still to be made, and who hears of them."""

    def __init__(self, arguments: Mapping[str, Any], place: str) -> None:
        from resources.lineage.events import Events  # with the client of OpenLineage, which most runs do without
        from resources.lineage.sending import listener_at

        self.context = dg.AssetExecutionContext.get()
        self.drop = drop_of(self.context, arguments)
        self.events, self.listener, self.deaf = Events(arguments["lake"]), listener_at(place), False
        self.open = {asset: self._making(asset) for asset in sorted(self.context.selected_asset_keys)}
        for making in self.open.values():
            self._tell(self.events.started(making))

    def passed(self, made: object) -> object:
        if isinstance(made, dg.AssetCheckResult):
            self._judged(made)
        elif isinstance(made, dg.MaterializeResult):
            self._made(cast("Materialized", made))
        return cast("object", made)

    def failed(self, error: str) -> None:
        for making in self.open.values():
            self._tell(self.events.failed(making, error))

    def ended(self) -> None:
        for making in self.open.values():
            self._tell(self.events.passed_over(making))

    def _made(self, result: Materialized) -> None:
        asset = self._asset(result.asset_key)
        if making := self.open.pop(asset, None):
            self._tell(self.events.made(making, _made(cast("Mapping[str, Any]", result.metadata or {}))))
        for check in result.check_results:
            self._judged(check, asset)

    def _judged(self, check: dg.AssetCheckResult, asset: dg.AssetKey | None = None) -> None:
        of = asset or self._asset(check.asset_key)
        for event in self.events.judged(self._making(of), _judgement(check)):
            self._tell(event)

    def _asset(self, key: dg.AssetKey | None) -> dg.AssetKey:
        return self.context.asset_key if key is None else key

    def _making(self, asset: dg.AssetKey) -> Making:
        context, spec = self.context, self.context.assets_def.get_asset_spec(asset)
        return Making(
            asset.to_user_string(),
            context.run.run_id,
            context.run.job_name,
            attempt=context.op_execution_context.retry_number,
            drop=self.drop,
            description=spec.description or "",
            owners=tuple(spec.owners),
            inputs=tuple(dep.asset_key.to_user_string() for dep in spec.deps),
        )

    def _tell(self, event: "RunEvent") -> None:
        from resources.lineage.sending import LineageError

        if self.deaf:
            return
        try:
            self.listener.tell(event)
        except LineageError as error:
            self.deaf = True  # so that a server that answers nothing holds a step up once
            self.context.log.error(f"lineage: {error}")


def _made(metadata: Mapping[str, Any]) -> Made:
    rows = metadata.get("dagster/partition_row_count", metadata.get("dagster/row_count"))
    lineage: dg.TableColumnLineage = metadata.get(LINEAGE, NO_LINEAGE)
    made_of = {
        column: [(dep.asset_key.to_user_string(), dep.column_name) for dep in deps]
        for column, deps in lineage.deps_by_column.items()
    }
    return Made(rows, metadata.get("table version"), made_of)


def _judgement(check: dg.AssetCheckResult) -> Judgement:
    table = check.metadata.get("checks")
    records: Sequence[dg.TableRecord] = table.records if isinstance(table, dg.TableMetadataValue) else ()
    findings = [_finding(record.data) for record in records]
    severity = "warn" if check.severity == dg.AssetCheckSeverity.WARN else "error"
    return Judgement(check.check_name or "check", check.passed, severity, check.description or "", findings)


def _finding(row: Mapping[str, object]) -> Finding:
    """Of a row of `assets.checks`."""
    name = f"{row['figure']} of {row['of']}"
    return Finding(name, row["passed"] == "yes", str(row["promised"]), str(row["found"]))
