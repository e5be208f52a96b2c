"""A gate's verdict as Dagster shows it."""

import warnings
from collections.abc import Mapping, Sequence
from urllib.parse import quote

import dagster as dg

from assets.partitions import drops
from ops.core.grades import PASS, REJECT
from ops.core.printable import printable
from resources.gates.gates import GateResult
from resources.gates.history import Earlier

NONE: Mapping[str, dg.TableMetadataValue] = {}
NEVER: Earlier = {}
PROMISES = "The measures are what the audit promises: whole keys, values in their ranges, not too many abstentions."


def by_drop(name: str, asset: str, *, description: str, blocking: bool = True) -> dg.AssetCheckSpec:
    """A check that is judged for each drop, so that one drop that passes hides no other that failed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.PreviewWarning)
        return dg.AssetCheckSpec(name, asset=asset, description=description, blocking=blocking, partitions_def=drops)


def check_result(
    gate: GateResult,
    *,
    asset: str,
    check: str,
    samples: Mapping[str, dg.TableMetadataValue] = NONE,
    earlier: Earlier = NEVER,
    severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.ERROR,
) -> dg.AssetCheckResult:
    """The asset check of that name. Its metadata are the gate's checks as a table, failed ones first, each with what
    earlier runs found, the link to Data Docs, `samples` of what failed, and the figures that the UI plots."""
    return dg.AssetCheckResult(
        asset_key=asset,
        check_name=check,
        passed=gate.success,
        severity=severity,
        description=gate.message,
        metadata={"checks": _table(gate, earlier), **_docs(gate), **samples, **_figures(gate)},
    )


def graded_check(verdict: str, description: str) -> dg.AssetCheckResult:
    """The check of what was graded pass, warn or reject; it passes where that is pass, and one that warns does not
    count as failed."""
    severity = dg.AssetCheckSeverity.ERROR if verdict == REJECT else dg.AssetCheckSeverity.WARN
    return dg.AssetCheckResult(passed=verdict == PASS, severity=severity, description=description)


def _docs(gate: GateResult) -> dict[str, dg.UrlMetadataValue]:
    """The link to what Great Expectations wrote of it, which the UI serves (pipelines/ui_pages.py)."""
    return {"Data Docs": dg.MetadataValue.url(f"/gates/{quote(gate.kept)}")} if gate.kept else {}


def _figures(gate: GateResult) -> dict[str, int | float]:
    """The figures that a limit is set on, of the facts that have one row."""
    rows = [rows[0] for rows in gate.results["facts"].values() if len(rows) == 1]
    limited = {check["figure"] for check in gate.results["checks"]}
    values = {name: value for row in rows for name, value in row.items() if name in limited}
    return {name: round(value, 4) for name, value in values.items() if isinstance(value, int | float)}


def table_of(rows: Sequence[Mapping[str, object]]) -> dg.TableMetadataValue:
    """Rows of the same keys as a table of the UI."""
    records = [dg.TableRecord({name: _cell(value) for name, value in row.items()}) for row in rows]
    columns = [dg.TableColumn(name) for name in (rows[0] if rows else ())]
    return dg.MetadataValue.table(records, schema=dg.TableSchema(columns))


def _table(gate: GateResult, earlier: Earlier) -> dg.TableMetadataValue:
    checks = sorted(gate.results["checks"], key=lambda check: (check["success"], check["part"]))
    rows = [
        {
            "passed": "yes" if check["success"] else "NO",
            "figure": check["figure"],
            "of": check["part"],
            "promised": check["promised"],
            "found": check["found"],
            "before": ", ".join(earlier.get((check["part"], check["figure"]), ())),
        }
        for check in checks
    ]
    return table_of(rows)


def _cell(value: object) -> str | int | float | bool:
    return value if isinstance(value, int | float) else printable(str(value))
