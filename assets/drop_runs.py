"""A run of one drop or of many, which start the engines once: of many, what is made of each is told under its own name,
and what fails of one holds up none of the others."""

from collections.abc import Callable, Iterator
from typing import Any, TypeAlias, cast

import dagster as dg
from dagster._core.definitions.asset_checks.asset_check_evaluation import AssetCheckEvaluationTargetMaterializationData

from assets.specs import Materialized

Made: TypeAlias = Materialized | dg.AssetCheckResult
Event: TypeAlias = Made | dg.AssetMaterialization | dg.AssetCheckEvaluation


def each_drop(context: dg.AssetExecutionContext, work: Callable[[str], Iterator[Made]]) -> Iterator[Event]:
    """What `work` makes of each drop of the run, in the order in which they first arrived. Once all are done, the step
    fails where one did, and says which and why. What calls for another try has it at once."""
    if context.has_partition_key:
        yield from work(context.partition_key)
        return
    failed: dict[str, Exception] = {}
    for drop in context.partition_keys:
        try:
            for made in work(drop):
                yield from _events_of(context, drop, made)
        except dg.RetryRequested:
            raise
        except Exception as error:
            context.log.error(f"drop {drop!r}: {_words(error)}")
            failed[drop] = error
    if failed:
        words = "; ".join(f"drop {drop!r}: {_words(error)}" for drop, error in failed.items())
        count = f"{len(failed)} of {len(context.partition_keys)} drops failed, the others are done"
        faults = [error for error in failed.values() if not isinstance(error, dg.Failure)]
        raise dg.Failure(f"{count}: {words}", allow_retries=False) from next(iter(faults), None)


def _words(error: Exception) -> str:
    return (error.description or "failed") if isinstance(error, dg.Failure) else f"{type(error).__name__}: {error}"


def _events_of(
    context: dg.AssetExecutionContext, drop: str, made: Made
) -> Iterator[dg.AssetMaterialization | dg.AssetCheckEvaluation]:
    """Events of that drop alone: Dagster takes a result for one of every partition of the run."""
    if isinstance(made, dg.AssetCheckResult):
        yield _evaluation(context, drop, made)
        return
    key, metadata = made.asset_key or context.asset_key, cast("dict[str, Any]", made.metadata or {})
    yield dg.AssetMaterialization(key, partition=drop, metadata=metadata)
    for check in made.check_results:
        yield _evaluation(context, drop, check, key)


def _evaluation(
    context: dg.AssetExecutionContext, drop: str, result: dg.AssetCheckResult, of: dg.AssetKey | None = None
) -> dg.AssetCheckEvaluation:
    asset, name = of or result.asset_key or context.asset_key, result.check_name or ""
    spec = context.assets_def.get_spec_for_check_key(dg.AssetCheckKey(asset, name))
    records = dg.AssetRecordsFilter(asset_key=asset, asset_partitions=[drop])
    made = context.instance.fetch_materializations(records, limit=1).records
    target = [
        AssetCheckEvaluationTargetMaterializationData(
            storage_id=record.storage_id, run_id=record.run_id, timestamp=record.timestamp
        )
        for record in made
    ]
    return dg.AssetCheckEvaluation(
        asset_key=asset,
        check_name=name,
        passed=result.passed,
        metadata=result.metadata,
        target_materialization_data=target[0] if target else None,
        severity=result.severity,
        description=result.description,
        blocking=bool(spec and spec.blocking),
        partition=drop,
    )
