"""Assets as the UI shows them: what a table is for, what its columns hold, what makes it, and where its code is."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import dagster as dg
import pyarrow as pa

from ops.audits.column_meanings import column_meaning
from ops.audits.contract import Audit
from ops.core.arrow_types import fields
from ops.core.columns import meaning
from ops.core.schemas import TableSpec
from resources.lake.tables import Lake

if TYPE_CHECKING:
    Materialized: TypeAlias = dg.MaterializeResult[Any]
    """What an asset gives back: what it made lies in the lake, and Dagster holds no value of it."""
else:  # Dagster reads annotations, and knows the class alone
    Materialized = dg.MaterializeResult

CODE = 1
"""Raised when an asset other than an audit comes to make other rows of the same inputs; an audit has its revision."""


def table_asset(
    spec: TableSpec,
    *,
    description: str,
    group: str,
    kinds: set[str],
    deps: Sequence[str] = (),
    skippable: bool = False,
) -> dg.AssetSpec:
    """The asset of a table of the lake."""
    return dg.AssetSpec(
        spec.name,
        deps=deps,
        description=description,
        group_name=group,
        kinds=kinds | {"deltalake"},
        code_version=str(CODE),
        metadata=table_metadata(spec),
        skippable=skippable,
    )


def table_metadata(spec: TableSpec) -> dict[str, dg.TableSchema]:
    """The columns of a table."""
    return {"dagster/column_schema": _columns(spec.schema, partial(meaning, spec))}


def audit_asset(audit: Audit, *, group: str, deps: Sequence[str], kinds: set[str]) -> dg.AssetSpec:
    """The asset of an audit's measures; its page is the docstring of the audit's module."""
    return dg.AssetSpec(
        audit.table.name,
        deps=deps,
        group_name=group,
        description=audit.page,
        kinds=kinds | {"deltalake"},
        code_version=str(audit.revision),
        metadata={
            "grain": audit.grain.value,
            "scope": audit.scope.value,
            "dagster/column_schema": _columns(audit.table.schema, partial(column_meaning, audit)),
            **_code(f"ops.audits.{audit.name}"),
        },
    )


def _columns(schema: pa.Schema, meaning: Callable[[str], str]) -> dg.TableSchema:
    return dg.TableSchema(
        [dg.TableColumn(field.name, type_name(field.type), meaning(field.name)) for field in fields(schema)]
    )


def type_name(kind: pa.DataType) -> str:
    """The type, without the fields of structs: with them a column of the UI takes the room of its description."""
    if isinstance(kind, pa.StructType):
        return "struct"
    if isinstance(kind, pa.ListType):
        return f"list<{type_name(cast('pa.ListType[pa.DataType]', kind).value_type)}>"
    return str(kind)


def _code(module: str) -> Mapping[str, dg.CodeReferencesMetadataValue]:
    """A link to the file of a module."""
    file = import_module(module).__file__
    if file is None:
        return {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.BetaWarning)
        reference = dg.LocalFileCodeReference(file_path=str(Path(file).resolve()), line_number=1, label=module)
        return {"dagster/code_references": dg.CodeReferencesMetadataValue(code_references=[reference])}


def row_count(lake: Lake, spec: TableSpec, delivery: str = "") -> dict[str, int]:
    """How many rows the table has, or the delivery has in it; and the table's version."""
    partitioned = bool(delivery) and "delivery" in spec.partition_by
    rows = sum(part.rows for part in lake.parts(spec, where={"delivery": delivery} if partitioned else {}))
    name = "dagster/partition_row_count" if partitioned else "dagster/row_count"
    return {name: rows, "table version": lake.version(spec)}
