"""Reports: the figures of a version, collected from the lake in streams, and the page written from them."""

import json
from collections.abc import Mapping

from ops.core.errors import MissingError
from ops.core.log import Row
from ops.core.schemas import QUARANTINE
from ops.core.version_schemas import VERDICTS
from ops.decision.versions import Version, without_measures
from ops.intake.reasons import REASONS
from ops.report.counting import VerdictFigures, count_quarantine, count_verdicts
from ops.report.data import DropFlow, ReportData
from ops.report.page import render
from resources.intake.corpus_drops import kept_out
from resources.lake.file_counts import file_counts
from resources.lake.tables import Lake
from resources.report.audit_figures import audit_figures
from resources.report.canary_figures import canary_figures, chance_figures
from resources.report.checkpoint_figures import checkpoint_figures
from resources.report.cost_figures import cost_figures
from resources.report.examples import read_page_examples
from resources.report.flow_figures import admissions, contradiction_rows, drop_flow, modality_rows, stage_figures
from resources.report.forecast_figures import forecast_figures
from resources.report.gate_figures import gate_figures, mix_figures, removal_rows
from resources.report.label_figures import label_figures
from resources.report.reward_figures import reward_figures
from resources.report.rows import from_row
from resources.report.rule_figures import rule_figures, stored_rules, wrong_flags
from resources.report.rule_worth import rules_worth
from resources.versions.canary_chances import KnownChances, version_chances
from resources.versions.publishing import version_of

#: Examples that a rule shows, and rows that a quarantine reason shows.
MOST_EXAMPLES = 4


def report_path(lake: Lake, version: int) -> str:
    """Where the page of a version lies: in the lake's own `reports`, wherever the lake is."""
    return f"{lake.root}/{report_name(version)}"


def report_name(version: int) -> str:
    """Its name in the lake."""
    return f"reports/version-{version}.html"


def make_report(lake: Lake, version: int | None) -> str:
    """Write the page of a version and return its place. MissingError where there is no version yet."""
    if version is None:
        raise MissingError("no version is published yet, so there is nothing to report; run `assay run` on a drop")
    page = render(collect(lake, version)).encode()
    return lake.storage.write(report_name(version), page, content_type="text/html; charset=utf-8")


def collect(lake: Lake, version: int) -> ReportData:
    """Everything that the page shows of a version. PublishError where there is no such version."""
    published = version_of(lake, version)
    row = published.row
    deliveries = list(row["deliveries"] or ())
    measures: dict[str, str] = json.loads(row["measures"] or "{}")
    rules = stored_rules(row)
    without = without_measures(published.left_out)
    admitted = admissions(lake, deliveries)
    drops = {delivery: admission["drop"] for delivery, admission in admitted.items()}
    judged = count_verdicts(lake.batches(VERDICTS, where={"version": version}), most=MOST_EXAMPLES)
    quarantine = lake.batches(QUARANTINE, where={"delivery": deliveries}, batch_rows=1024)
    reasons, quarantined = count_quarantine(quarantine, drops, most=MOST_EXAMPLES)
    example_ids = sorted({example for ids in judged.few_by_rule.values() for example in ids})
    examples = read_page_examples(lake, version, example_ids, deliveries=deliveries, measures=measures, drops=drops)
    known = version_chances(lake, published, deliveries)
    return from_row(
        ReportData,
        row,
        **_standing(published),
        drops=_flows(lake, admitted, reasons, judged),
        quarantined=quarantined,
        datasets={name: dict(judged.by_dataset[name]) for name in sorted(judged.by_dataset)},
        modality=modality_rows(lake, admitted, measures, without),
        mix=mix_figures(lake, version),
        contradictions=contradiction_rows(lake, measures, drops),
        audits=tuple(audit_figures(lake, deliveries, measures, rules, without)),
        rules=rule_figures(rules, judged, examples, wrong_flags(lake, published, known)),
        worths=tuple(rules_worth(lake, version)),
        removals=removal_rows(lake, version),
        gates=tuple(gate_figures(lake, version, admitted)),
        stages=stage_figures(lake, version, deliveries, sorted(judged.by_dataset)),
        advice={reason: REASONS[reason].title for reason in REASONS},
        left_out=kept_out(lake, published),
        forecasts=forecast_figures(lake, version, deliveries, measures, without),
        checkpoints=checkpoint_figures(lake),
        **_canaries(lake, drops, known),
        rewards=reward_figures(lake),
        labels=label_figures(lake, version),
        costs=cost_figures(lake, set(drops.values()), _examples_of(judged)),
    )


def _canaries(lake: Lake, drops: Mapping[str, str], known: KnownChances) -> dict[str, object]:
    return {"canaries": canary_figures(lake, drops), "chances": chance_figures(known, drops)}


def _standing(published: Version) -> dict[str, object]:
    return {
        "version": published.number,
        "state": published.state,
        "current": published.current,
        "at": published.at,
        "parent": published.parent,
    }


def _flows(
    lake: Lake,
    admitted: Mapping[str, Row],
    reasons: Mapping[tuple[str, str], Mapping[str, int]],
    judged: VerdictFigures,
) -> tuple[DropFlow, ...]:
    counts = file_counts(lake, admitted)
    return tuple(drop_flow(drop, counts.get(delivery, ()), reasons, judged) for delivery, drop in admitted.items())


def _examples_of(judged: VerdictFigures) -> int:
    return sum(sum(actions.values()) for actions in judged.by_delivery.values())
