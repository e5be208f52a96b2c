"""What each gate expects: suites of Great Expectations over the facts, by the name of the facts."""

import sys
from functools import cache
from math import isfinite
from typing import TYPE_CHECKING, Any

from ops.audits.contract import Audit
from ops.audits.ranges import ANY, has_numbers, range_of
from ops.core.arrow_types import fields
from ops.decision.mix import MixSettings
from ops.gates.guards import GuardSettings

if TYPE_CHECKING:
    from great_expectations.expectations.expectation import Expectation

Suites = dict[str, list["Expectation"]]

_CONNECT = "pyspark.sql.connect"


@cache
def great_expectations() -> Any:
    """The module, loaded when a gate first needs it (about 3 s).

    It tries to import Spark Connect, which nothing here uses and whose packages are not installed; where the main
    program has no file, as in `python -c`, pyspark then ends the process with status 0. So that import is refused.
    """
    before = sys.modules.get(_CONNECT)
    blocked: Any = None
    if before is None:
        sys.modules[_CONNECT] = blocked
    try:
        import great_expectations as gx
    finally:
        if before is None:
            del sys.modules[_CONNECT]
    return gx


def ingest_suites(settings: GuardSettings) -> Suites:
    """Every row of every file is kept or quarantined, and stored so; enough rows are usable."""
    limit, floor = settings.quarantine_limit, settings.quarantine_floor
    broken = [
        none_of("unreadable_files", "deliver the file that breaks off again, or set gates.allow_unreadable_files")
    ]
    return {
        "files": [
            some_rows("the drop names no file with rows; deliver its annotation files"),
            none_of("rows_lost", "the reader lost rows; keep the drop and report it"),
            same("rows_kept", "stored_kept", "the stored rows are not those that were read; deliver the drop again"),
            same("rows_quarantined", "stored_quarantined", "the quarantine is incomplete; deliver the drop again"),
        ],
        "drop": [
            *([] if settings.allow_unreadable_files else broken),
            within("rows_kept", low=1, detail="top_reasons", fix="no row was usable; see the reasons in `quarantine`"),
            within(
                "quarantine_share",
                high=limit,
                only=column("rows_quarantined") > floor,
                detail="top_reasons",
                fix="mend the rows that `quarantine` lists and deliver again, or raise gates.quarantine_limit",
            ),
        ],
    }


def measures_suites(audit: Audit, settings: GuardSettings | None = None) -> Suites:
    """Keys are unique and whole, columns are as promised, values lie in the ranges that the audit declares.

    With `settings`, the audit may also abstain on no more than `abstention_limit` of its rows.
    """
    own = f"a fault of the audit {audit.name}: mend it and raise its revision"
    checks = [
        none_of("null_keys", own),
        none_of("duplicate_keys", own, detail="duplicates"),
        none_of("unknown_examples", own),
        one_of("missing_columns", [""], own),
    ]
    for measured in filter(has_numbers, fields(audit.columns)):
        values = range_of(measured) or ANY
        checks.append(none_of(f"{measured.name}.nans", own))
        if isfinite(values.low):
            low, above_low = values.low, values.above_low
            checks.append(within(f"{measured.name}.minimum", low=low, above_low=above_low, fix=own))
        if isfinite(values.high):
            checks.append(within(f"{measured.name}.maximum", high=values.high, fix=own))
    if settings is not None:
        too_often = f"the audit {audit.name} cannot judge this data; leave it out of the policy or raise the limit"
        checks.append(within("abstained_share", high=settings.abstention_limit, fix=too_often))
    return {"measures": checks}


def candidate_suites(settings: GuardSettings, *, replays: bool = False) -> Suites:
    """A version accounts for every example once, removes no more than the limits, and orders all its members."""
    own = "the candidate is inconsistent; publish again, and report it if it stays so"
    whole = (
        "lost",
        "duplicate_verdicts",
        "unjudged_examples",
        "unknown_verdicts",
        "duplicate_members",
        "missing_members",
        "unexpected_members",
        "bad_weights",
        "missing_in_curriculum",
        "unknown_in_curriculum",
        "repeated_in_stage",
        "wrong_positions",
        *(() if replays else ("repeated_in_curriculum",)),
    )
    look = "look at the reasons (`assay why`), then mend the data, soften the policy, or raise gates."
    enough = column("examples") >= settings.removed_floor
    each: dict[str, Any] = {"high": settings.removed_limit_dataset, "only": enough}
    return {
        "version": [
            *(none_of(figure, own) for figure in whole),
            within("curated", low=1, detail="top_rules", fix="nothing is left; soften the policy"),
            within("removed_share", high=settings.removed_limit, detail="top_rules", fix=f"{look}removed_limit"),
        ],
        "datasets": [within("removed_share", fix=f"{look}removed_limit_dataset", **each)],
        "drops": [within("removed_share", fix=f"{look}removed_limit_dataset", **each)],
        "judgements": [
            within("contradicted_share", high=settings.contradiction_limit, fix=f"{look}contradiction_limit"),
            within("unresolved_share", high=settings.unresolved_limit, fix=f"{look}unresolved_limit"),
        ],
        "targets": [
            within("polluted_share", high=settings.pollution_limit, detail="by_audit", fix=f"{look}pollution_limit")
        ],
    }


def diversity_suites(settings: GuardSettings) -> Suites:
    """What is kept is about as diverse as what chance would have kept, and no kind of picture is lost."""
    look = "look at what is removed (`assay report`), then soften the policy, or raise gates."
    enough = column("examples") >= settings.removed_floor
    high = settings.removed_limit_cluster
    return {
        "clusters": [within("removed_share", high=high, only=enough, fix=f"{look}removed_limit_cluster")],
        "diversity": [within("ratio", low=1 - settings.diversity_limit, detail="figure", fix=f"{look}diversity_limit")],
    }


def removal_suites(settings: GuardSettings) -> Suites:
    """No group is removed for certain so much more often than the rest of its source, but those that a person lets
    pass."""
    if not settings.removed_limit_odds:
        return {}
    look = "look at what is removed of the group (`assay report`), then soften the policy, raise"
    fix = f"{look} gates.removed_limit_odds, or let it pass for a while (`assay policy override`)"
    return {"removal": [within("beyond", high=settings.removed_limit_odds, detail="family canaries", fix=fix)]}


def mix_suites(settings: MixSettings) -> Suites:
    """The target mix is reached, within the cap on repeats and the floor on the effective sample size."""
    if settings.visual_share is None:
        return {}
    # The factors are rounded to six digits.
    floor, cap = settings.least_effective - 1e-6, settings.most_repeats + 1e-6
    reach = "the data cannot give this mix within mix.most_repeats and mix.least_effective; see mix_curve for its cost"
    return {
        "mix": [
            within("off_target", high=settings.tolerance, detail="visual_share", fix=reach),
            within("repeats", high=cap, fix="the candidate is inconsistent; publish again"),
            within("effective_share", low=floor, fix="the candidate is inconsistent; publish again"),
        ]
    }


def column(name: str) -> Any:
    """A column, to compare in the `only` of an expectation."""
    from importlib import import_module

    great_expectations()
    return import_module("great_expectations.expectations.row_conditions").Column(name)


def within(
    name: str,
    *,
    low: float | None = None,
    high: float | None = None,
    above_low: bool = False,
    only: Any = None,
    detail: str = "",
    fix: str = "",
) -> "Expectation":
    """Each value of the column lies in the range, bounds included (but `low` where `above_low`). `only` is the rows
    that are held to it; `detail` a column of the facts that explains a failure; `fix` what to do about it."""
    kwargs: dict[str, object] = {"min_value": low, "max_value": high, "strict_min": above_low}
    if only is not None:
        kwargs |= {"row_condition": only}
    return _expectation("ExpectColumnValuesToBeBetween", column=name, meta=_meta(detail, fix), **kwargs)


def none_of(name: str, fix: str, *, detail: str = "") -> "Expectation":
    """The column, a count, is 0 in every row."""
    return within(name, low=0, high=0, detail=detail, fix=fix)


def one_of(name: str, values: list[Any], fix: str) -> "Expectation":
    """Each value of the column is one of those."""
    return _expectation("ExpectColumnValuesToBeInSet", column=name, value_set=values, meta=_meta("", fix))


def same(left: str, right: str, fix: str) -> "Expectation":
    """Two columns agree in every row."""
    return _expectation("ExpectColumnPairValuesToBeEqual", column_A=left, column_B=right, meta=_meta("", fix))


def some_rows(fix: str) -> "Expectation":
    """The facts have at least one row."""
    return _expectation("ExpectTableRowCountToBeBetween", min_value=1, meta=_meta("", fix))


def _expectation(name: str, **kwargs: Any) -> "Expectation":
    return getattr(great_expectations().expectations, name)(**kwargs)


def _meta(detail: str, fix: str) -> dict[str, str]:
    return {"detail": detail, "fix": fix}
