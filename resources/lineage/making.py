"""What events tell of: an asset that a run makes, what it made, and a check of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ops.audits.registry import all_audits
from ops.core.measure_schemas import CHECKPOINTS
from ops.core.schemas import TableSpec
from ops.core.tables import TABLES

_OTHERWISE_NAMED = {"checkpoint_alignment": CHECKPOINTS}


@dataclass(frozen=True, slots=True)
class Making:
    """An attempt of a run at one asset. `run` is Dagster's id, a UUID; `drop` is empty for an asset of the corpus."""

    asset: str
    run: str
    job: str
    attempt: int = 0
    drop: str = ""
    description: str = ""
    owners: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    """The assets that it is made of."""


@dataclass(frozen=True, slots=True)
class Made:
    """What there is of the asset now, as far as it is known."""

    rows: int | None = None
    table_version: int | None = None
    columns: Mapping[str, Sequence[tuple[str, str]]] = field(default_factory=dict[str, Sequence[tuple[str, str]]])
    """Assets and their columns that each column was made of."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One figure that a check looked at, as `ops.gates` words it."""

    name: str
    passed: bool
    promised: str
    figure: str


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a check said of an asset."""

    check: str
    passed: bool
    severity: str
    """error or warn."""
    words: str
    findings: Sequence[Finding] = ()


def spec_of(asset: str) -> TableSpec | None:
    """The table that an asset is; None where it is none."""
    audits = {audit.table.name: audit.table for audit in all_audits().values()}
    return TABLES.get(asset) or audits.get(asset) or _OTHERWISE_NAMED.get(asset)
