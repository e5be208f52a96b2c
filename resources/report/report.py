"""Reports: the figures of a version, collected from the lake in streams, and the page written from them."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ops.audits.contract import KEYS, Audit, Grain, Scope
from ops.audits.registry import all_audits
from ops.core.errors import MissingError
from ops.core.hashing import distinct, joined, key_hashes
from ops.core.log import Log
from ops.core.schemas import (
    CONTRADICTION_RATES,
    CURRICULUM,
    DROPS,
    EXAMPLES,
    MODALITY_STATISTICS,
    QUARANTINE,
    VERDICTS,
    VERSIONS,
)
from ops.decision.versions import without_measures
from ops.gates.gate_facts import measures_facts
from ops.grounding.mismatch import Cut, cuts_of, mismatch_notes
from ops.intake.reasons import REASONS
from ops.report.counting import VerdictFigures, count_quarantine, count_stages, count_verdicts, visual_keys
from ops.report.data import (
    AuditFigures,
    DropFlow,
    FileFlow,
    GateCheck,
    GateFigures,
    MixFigures,
    MixPoint,
    ModalityRow,
    RateRow,
    ReportData,
    RuleFigures,
    Shown,
    Stage,
    Threshold,
)
from ops.report.histograms import drawable, histograms, rank
from ops.report.page import render, write_report
from resources.config.places import is_address
from resources.intake.corpus_drops import kept_out
from resources.lake.files import open_storage
from resources.lake.stored_measures import Without, used
from resources.lake.tables import Lake
from resources.measuring.corpus import modality_identity
from resources.report.examples import read_shown
from resources.versions.publishing import version_of

#: Examples that a rule shows, and rows that a quarantine reason shows.
SHOWN = 4
#: Columns of an audit that are drawn; those that a rule looks at come first.
DRAWN = 6
#: Characters of what an audit says of itself, to the end of the sentence.
SUMMARY = 280


def report_path(lake: Lake, version: int) -> str:
    """Where the page of a version lies: in the lake's own `reports`, wherever the lake is."""
    return f"{lake.root}/reports/version-{version}.html"


def make_report(lake: Lake, version: int | None) -> str:
    """Write the page of a version and return its place. MissingError where there is no version yet."""
    if version is None:
        raise MissingError("no version is published yet, so there is nothing to report; run `assay run` on a drop")
    page, place = collect(lake, version), report_path(lake, version)
    if not is_address(lake.root):
        return str(write_report(page, Path(place)))
    filesystem, base = open_storage(lake.root, lake.storage_options)
    # A store shows an object only when it is whole.
    with filesystem.open_output_stream(
        base + place.removeprefix(lake.root), metadata={"Content-Type": "text/html; charset=utf-8"}
    ) as stream:
        stream.write(render(page).encode())
    return place


def collect(lake: Lake, version: int) -> ReportData:
    """Everything that the page shows of a version. PublishError where there is no such version."""
    found = version_of(lake, version)
    row = found.row
    deliveries = list(row["deliveries"] or ())
    measures: dict[str, str] = json.loads(row["measures"] or "{}")
    rules = _rules_of(row)
    without = without_measures(found.left_out)
    admitted = _admissions(lake, deliveries)
    names = {delivery: drop["drop"] for delivery, drop in admitted.items()}
    of_version = {"version": version}
    judged = count_verdicts(lake.batches(VERDICTS, where=of_version), shown=SHOWN)
    aside = lake.batches(QUARANTINE, where={"delivery": deliveries}, batch_rows=1024)
    by_file, quarantined = count_quarantine(aside, names, shown=SHOWN)
    wanted = sorted({example for ids in judged.shown.values() for example in ids})
    shown = read_shown(lake, version, wanted, deliveries=deliveries, measures=measures, drops=names)
    return ReportData(
        version=version,
        state=found.state,
        current=found.current,
        at=found.at,
        parent=found.parent,
        policy=row["policy"] or "",
        encoder=row["encoder"] or "",
        code=row["code"] or "",
        content=row["content"] or "",
        drops=tuple(_drop_flow(drop, by_file, judged) for drop in admitted.values()),
        quarantined=quarantined,
        datasets={name: dict(judged.by_dataset[name]) for name in sorted(judged.by_dataset)},
        modality=_modality(lake, admitted, measures, without),
        mix=_mix(lake, version),
        contradictions=_contradictions(lake, measures, names),
        audits=tuple(_audits(lake, deliveries, measures, rules, without)),
        rules=_rule_figures(rules, judged, shown),
        gates=tuple(_gates(lake, version, admitted)),
        stages=_stages(lake, version, deliveries, sorted(judged.by_dataset)),
        advice={reason: REASONS[reason].title for reason in REASONS},
        left_out=kept_out(lake, found),
    )


def _rules_of(row: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The rules of the policy, as the version's configuration has them."""
    return list(json.loads(row["config"] or "{}").get("policy", {}).get("rules") or ())


def _admissions(lake: Lake, deliveries: Sequence[str]) -> dict[str, dict[str, Any]]:
    """The row of `drops` that admitted each delivery, in the order of the drops' names."""
    log = Log.of(lake.read(DROPS, where={"delivery": list(deliveries)}))
    # A later row says that the delivery was superseded; the one that admitted it has its gate.
    last = log.last_by("delivery") | log.where(state="admitted").last_by("delivery")
    return dict(sorted(last.items(), key=lambda pair: (pair[1]["drop"] or "", pair[0])))


def _drop_flow(drop: Mapping[str, Any], by_file: Mapping[tuple[str, str], Any], judged: VerdictFigures) -> DropFlow:
    delivery = drop["delivery"]
    files = [
        FileFlow(
            file=told["file"],
            rows_in=told["rows_in"] or 0,
            rows_kept=told["rows_kept"] or 0,
            rows_quarantined=told["rows_quarantined"] or 0,
            reasons=dict(by_file.get((delivery, told["file"]), {})),
        )
        for told in drop["files"] or ()
    ]
    actions = dict(judged.by_delivery.get(delivery, {}))
    return DropFlow(drop["drop"], delivery, drop["licence"] or "", tuple(files), actions)


def _modality(
    lake: Lake, admitted: Mapping[str, Mapping[str, Any]], measures: Mapping[str, str], without: Without
) -> tuple[ModalityRow, ...]:
    identity = modality_identity(list(admitted), measures, without)
    rows = lake.read(MODALITY_STATISTICS, where={"identity": identity}).to_pylist()
    figures = [
        ModalityRow(
            drop=admitted[row["delivery"]]["drop"],
            arrived=admitted[row["delivery"]]["at"],
            dataset=row["dataset"] or "",
            kind=row["kind"] or "",
            modality=row["modality"] or "",
            examples=row["examples"] or 0,
            turns=row["turns"] or 0,
            loss_tokens=row["loss_tokens"] or 0,
            images=row["images"] or 0,
            image_tokens=row["image_tokens"] or 0,
        )
        for row in rows
    ]
    return tuple(sorted(figures, key=lambda f: (f.drop, f.dataset, f.kind, f.modality)))


def _contradictions(lake: Lake, measures: Mapping[str, str], names: Mapping[str, str]) -> tuple[RateRow, ...]:
    if "contradictions" not in measures:
        return ()
    rows = lake.read(CONTRADICTION_RATES, where={"identity": measures["contradictions"]}).to_pylist()
    figures = [
        RateRow(
            drop=names.get(row["delivery"], row["delivery"]),
            dataset=row["dataset"] or "",
            kind=row["kind"],
            judged=row["judged"],
            found=row["found"],
            low=row["low"],
            high=row["high"],
        )
        for row in rows
        if row["found"] or row["kind"] == "any"
    ]
    return tuple(sorted(figures, key=lambda f: (f.drop, f.dataset, f.kind != "any", -f.found, f.kind)))


def _mix(lake: Lake, version: int) -> MixFigures | None:
    """What the version's gate found of its mix; None where it was not gated."""
    found = _gated(lake, version)
    facts = found["facts"] if found else {}
    if "mix" not in facts:
        return None
    row = facts["mix"][0]
    curve = tuple(MixPoint(**{name: point[name] for name in MixPoint.__slots__}) for point in facts["mix_curve"])
    return MixFigures(**{name: row[name] for name in MixFigures.__slots__ if name != "curve"}, curve=curve)


def _gated(lake: Lake, version: int) -> dict[str, Any] | None:
    """The last result of the version's own gate. A rollback's row says where it came from and has none."""
    log = Log.of(lake.read(VERSIONS, where={"version": version}))
    results = [json.loads(row["gate_results"] or "{}") for row in log.rows]
    return next((result for result in reversed(results) if "checks" in result), None)


def _audits(
    lake: Lake,
    deliveries: Sequence[str],
    measures: Mapping[str, str],
    rules: Sequence[Mapping[str, Any]],
    without: Without,
) -> Iterator[AuditFigures]:
    known = joined(_hashes(lake.batches(EXAMPLES, where={"delivery": list(deliveries)}, columns=_KEY)))
    for name, identity in sorted(measures.items()):
        audit = all_audits().get(name)
        if audit is None:
            continue
        where: dict[str, Any] = {"identity": identity}
        if audit.scope is not Scope.CORPUS:
            where["delivery"] = used(deliveries, without, name)
        read = partial(lake.batches, audit.table, where=where)
        facts = measures_facts(audit, read, examples=known)["measures"].to_pylist()[0]
        figures = _audit_figures(audit, identity, read, facts, _thresholds(rules, name))
        yield replace(figures, notes=_mismatch(read, cuts_of(rules, name))) if _ranks_images(audit) else figures


def _ranks_images(audit: Audit) -> bool:
    """Whether the audit ranks each example's image among others: turns of one example are not independent."""
    return audit.grain is Grain.EXAMPLE and {"rank", "compared", "turns"} <= set(audit.columns.names)


def _mismatch(read: Any, cuts: Sequence[Cut]) -> tuple[str, ...]:
    names = ["rank", "compared", "turns"]
    parts = [np.stack([batch[name].fill_null(0).to_numpy() for name in names]) for batch in read(columns=names)]
    rank, compared, turns = np.concatenate([np.zeros((3, 0), np.int32), *parts], axis=1)
    judged = rank > 0
    return tuple(mismatch_notes(rank[judged], compared[judged], turns[judged], cuts))


def _audit_figures(
    audit: Audit, identity: str, read: Any, facts: Mapping[str, Any], thresholds: Mapping[str, list[Threshold]]
) -> AuditFigures:
    candidates = sorted(
        filter(drawable, audit.columns), key=lambda column: (column.name not in thresholds, rank(column))
    )
    drawn = histograms(read, candidates[:DRAWN], thresholds) if facts["rows"] else []
    seen = {figure.column for figure in drawn}
    keys = KEYS[audit.grain].names
    return AuditFigures(
        name=audit.name,
        title=audit.title,
        summary=_summary(audit.page),
        grain=audit.grain.value,
        rows=facts["rows"],
        examples=facts["examples_measured"],
        abstained=round(facts["abstained_share"] * facts["rows"]),
        everything=audit.scope is not Scope.CORPUS,
        identity=identity,
        histograms=tuple(drawn),
        left_out=tuple(c for c in audit.columns.names if c not in seen and c not in keys) if facts["rows"] else (),
    )


def _thresholds(rules: Sequence[Mapping[str, Any]], audit: str) -> dict[str, list[Threshold]]:
    """The conditions on each column of an audit."""
    found: dict[str, list[Threshold]] = {}
    for rule in rules:
        if rule["audit"] == audit:
            for condition in rule["when"]:
                found.setdefault(condition["column"], []).append(_threshold(rule, condition))
    return found


def _threshold(rule: Mapping[str, Any], condition: Mapping[str, Any]) -> Threshold:
    value: Any = condition["value"]
    values: Any = value if isinstance(value, list | tuple) else [value]
    bound: Any = value if type(value) in (int, float) and condition["comparison"] != "!=" else None
    equal = condition["comparison"] in ("==", "in")
    return Threshold(
        rule=rule["name"],
        condition=_condition(condition),
        action=rule["action"],
        comparison=condition["comparison"],
        bound=bound,
        alone=len(rule["when"]) == 1,
        labels=tuple(map(_said, values)) if equal else (),
    )


def _condition(condition: Mapping[str, Any]) -> str:
    value = condition["value"]
    said = f"[{', '.join(map(_said, value))}]" if isinstance(value, list | tuple) else _said(value)
    return f"{condition['column']} {condition['comparison']} {said}"


def _said(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _rule_figures(
    rules: Sequence[Mapping[str, Any]], judged: VerdictFigures, shown: Mapping[str, Shown]
) -> tuple[RuleFigures, ...]:
    """The rules, those that spoke against most examples first."""
    figures = [
        RuleFigures(
            rule=rule["name"],
            audit=rule["audit"],
            condition=" and ".join(map(_condition, rule["when"])),
            action=rule["action"],
            reason=rule["reason"],
            examples=judged.by_rule[rule["name"]],
            shown=tuple(shown[i] for i in judged.shown.get(rule["name"], ()) if i in shown),
        )
        for rule in rules
    ]
    return tuple(sorted(figures, key=lambda rule: (-rule.examples, rule.rule)))


def _gates(lake: Lake, version: int, admitted: Mapping[str, Mapping[str, Any]]) -> Iterator[GateFigures]:
    judged = _gated(lake, version)
    admissions = [json.loads(drop["gate_results"] or "{}") for drop in admitted.values()]
    for result in [*([judged] if judged else []), *(result for result in admissions if "checks" in result)]:
        checks = [GateCheck(**{name: c[name] for name in GateCheck.__slots__}) for c in result["checks"]]
        failures = tuple(result["failures"])
        yield GateFigures(result["gate"], result["subject"], result["success"], failures, tuple(checks))


def _stages(lake: Lake, version: int, deliveries: Sequence[str], datasets: Sequence[str]) -> tuple[Stage, ...]:
    where = {"delivery": list(deliveries)}
    visual = visual_keys(lake.batches(EXAMPLES, where=where, columns=[*_KEY, "image_ids"]))
    members = {name: [] for name in datasets}
    for batch in lake.batches(VERDICTS, where={"version": version}, columns=[*_KEY, "dataset"]):
        hashed = key_hashes(batch)
        of: Any = pc.fill_null(batch.column("dataset"), pa.scalar(""))
        for name in of.unique().to_pylist():
            members[name].append(hashed[np.asarray(pc.equal(of, pa.scalar(name)))])
    mix = {name: distinct(joined(parts)) for name, parts in members.items()}
    return count_stages(lake.batches(CURRICULUM, where={"version": version}), visual, mix)


_KEY = ["delivery", "example_id"]


def _hashes(batches: Iterator[pa.RecordBatch]) -> Iterator[np.ndarray]:
    return (key_hashes(batch) for batch in batches)


def _summary(page: str) -> str:
    """The first sentences of what the audit says of itself, without its heading."""
    paragraphs = [" ".join(part.split()) for part in page.split("\n\n")]
    told = [part for part in paragraphs[1:] if part and not part.startswith(("-", "*", "|"))]
    sentences = re.split(r"(?<=[.?!:]) (?=[A-Z`])", (told or paragraphs)[0])
    kept = sentences[:1]
    for sentence in sentences[1:]:
        # A sentence that announces a list ends in the air without it.
        if len(" ".join(kept)) >= SUMMARY or sentence.endswith(":"):
            break
        kept.append(sentence)
    return re.sub(":$", ".", " ".join(kept))
