"""Dagster's jobs, sensors and conditions, with the types that its own leave open."""

from collections.abc import Callable, Iterable
from types import ModuleType
from typing import Any, TypeAlias

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

Job: TypeAlias = UnresolvedAssetJobDefinition
Condition: TypeAlias = Any
"""Dagster's AutomationCondition of assets, which takes part in `&`."""
_DAGSTER: Any = dg


def asset_job(name: str, *, groups: tuple[str, ...], description: str) -> Job:
    """The job that makes the assets of these groups."""
    return _DAGSTER.define_asset_job(name, selection=_DAGSTER.AssetSelection.groups(*groups), description=description)


def sensor(
    name: str, *, job: Job | None = None, every_s: int, status: dg.DefaultSensorStatus, description: str
) -> Callable[[Callable[[dg.SensorEvaluationContext], object]], dg.SensorDefinition]:
    """Makes the decorated function a sensor; of `job`, where what it returns asks for runs."""
    return _DAGSTER.sensor(
        name=name, job=job, minimum_interval_seconds=every_s, default_status=status, description=description
    )


def success_sensor(
    name: str, *, status: dg.DefaultSensorStatus, description: str
) -> Callable[[Callable[[dg.RunStatusSensorContext], None]], dg.SensorDefinition]:
    """Makes the decorated function a sensor of the runs that ended well."""
    succeeded = dg.DagsterRunStatus.SUCCESS
    return _DAGSTER.run_status_sensor(name=name, run_status=succeeded, default_status=status, description=description)


def failure_sensor(
    name: str, *, status: dg.DefaultSensorStatus, description: str
) -> Callable[[Callable[[dg.RunFailureSensorContext], None]], dg.SensorDefinition]:
    """Makes the decorated function a sensor of the runs that failed."""
    return _DAGSTER.run_failure_sensor(name=name, default_status=status, description=description)


def assets_in(modules: Iterable[ModuleType]) -> list[dg.AssetsDefinition | dg.AssetSpec]:
    """The assets that these modules declare."""
    loaded = _DAGSTER.load_assets_from_modules(modules, include_specs=True)
    return [asset for asset in loaded if isinstance(asset, dg.AssetsDefinition | dg.AssetSpec)]


def eager(*, of_all: bool) -> Condition:
    """Whenever what an asset is made from was made anew; where some of that is missing, only with `of_all` False."""
    conditions = _DAGSTER.AutomationCondition
    return conditions.eager() if of_all else conditions.eager().without(~conditions.any_deps_missing())


def checks_passed() -> Condition:
    """Where the blocking checks of what it is made from passed."""
    return _DAGSTER.AutomationCondition.all_deps_blocking_checks_passed()


def automated(
    spec: dg.AssetSpec, *, condition: Condition | None, owners: list[str], fresh: dg.FreshnessPolicy | None
) -> dg.AssetSpec:
    """The asset with these owners, made where the condition says so, and stale where the policy does."""
    changed: Any = spec
    return changed.replace_attributes(owners=owners, automation_condition=condition, freshness_policy=fresh)
