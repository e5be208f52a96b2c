"""`assay why`, `policy try` and `vacuum`: what is known of an example, what a policy would change, room given back.

None of them runs an audit.
"""

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from ops.report.contact_sheet import contact_sheet
from pipelines.app import DebugOption, JsonOption, LakeOption, app, policy_app, print_json
from pipelines.faults import out
from pipelines.tables import key_value_table, titled
from pipelines.version_commands import lake_at
from pipelines.why_text import explained
from resources.config.settings import load_settings
from resources.engines.live_runs import oldest_run
from resources.lake.housekeeping import compact_all, sweep
from resources.lake.retention import vacuum
from resources.measuring.corpus_retention import AGE, retire_measures
from resources.measuring.delivery_retention import retire_delivery_measures
from resources.measuring.made_retention import retire_made
from resources.versions.explanation import save_pictures, why
from resources.versions.policy_trial import Trial, changed_examples, try_policy

PicturesOption = Annotated[Path | None, typer.Option("--pictures", help="Folder to write its pictures into.")]
AllOption = Annotated[bool, typer.Option("--all", help="Also other versions, and measures of other settings.")]
VersionOption = Annotated[int | None, typer.Option("--version", help="Left out: the current version.")]
SheetOption = Annotated[Path | None, typer.Option("--html", help="Write a contact sheet of what would change.")]


@app.command(name="why")
def why_command(
    name: Annotated[str, typer.Argument(help="An example's id, or the id of its raw row.")],
    lake: LakeOption = "lake",
    pictures: PicturesOption = None,
    everything: AllOption = False,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """What became of one example and why, where it came from, and what was measured. JSON holds everything."""
    store = lake_at(lake)
    explanation = why(store, name)
    paths = save_pictures(store, explanation, pictures) if pictures is not None else []
    if as_json:
        print_json(asdict(explanation) | {"pictures": [str(path) for path in paths]})
        return
    out.print(explained(explanation, everything=everything), highlight=False)
    for path in paths:
        out.print(str(path), soft_wrap=True, highlight=False)


@policy_app.command(name="try")
def try_command(
    other: Annotated[Path, typer.Argument(help="An assay.yaml with the other policy.")],
    lake: LakeOption = "lake",
    version: VersionOption = None,
    html: SheetOption = None,
    rows: Annotated[int, typer.Option("--rows", help="How many examples to show.")] = 0,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """What another policy would change, from the measures there are. Nothing is measured anew, nothing is written."""
    store = lake_at(lake)
    trial = try_policy(store, load_settings(other).policy, version)
    examples = trial.change.rows.slice(0, rows).to_pylist()
    if html is not None:
        title = f"What {other.name} would change in version {trial.version}"
        sheet = contact_sheet(title, rules=trial.by_rule, rows=changed_examples(store, trial.change.rows, limit=90))
        html.write_text(sheet, encoding="utf-8")
    if as_json:
        told_all = {"version": trial.version, "before": trial.before, "after": trial.after, "rules": trial.by_rule}
        print_json(told_all | {"changes": trial.change.counts, "rows": examples})
        return
    _show_trial(trial, examples)
    if html is not None:
        out.print(str(html), soft_wrap=True, highlight=False)


def _show_trial(trial: Trial, examples: list[dict[str, Any]]) -> None:
    table = Table("rule", "before", "after", "difference", "wrong flags expected")
    for row in trial.by_rule:
        wrong = "" if row["expected_wrong"] is None else f"{row['expected_wrong']:,.1f}"
        table.add_row(row["rule"], f"{row['before']:,}", f"{row['after']:,}", f"{row['difference']:+,}", wrong)
    out.print(titled(f"Rules, on version {trial.version}", table))
    words = {"removed": "would leave", "added": "would come back", "reweighted": "would weigh otherwise"}
    counts = [(words[change], by_cause["all"]) for change, by_cause in trial.change.counts.items()]
    out.print(key_value_table(counts, title="Examples"))
    for row in examples:
        reasons: list[dict[str, str]] = row["reasons_after"] or row["reasons_before"] or []
        because = "; ".join(f"{reason['rule']} ({reason['value']})" for reason in reasons)
        out.print(f"{row['example_id']} {words[row['change']]}: {because}", markup=False, highlight=False)


# In this order: what is made for audits is kept by the measures that stand.
_RETIRES = {
    "retired": (retire_measures, "measures of the corpus"),
    "retired_of_deliveries": (retire_delivery_measures, "measures of single deliveries"),
    "retired_keys": (retire_made, "sets of keys, clusters and counts of the corpus"),
}


@app.command(name="vacuum")
def vacuum_command(
    lake: LakeOption = "lake",
    keep_last: Annotated[int, typer.Option("--keep-last", min=0, help="Newest published versions to keep.")] = 10,
    keep: Annotated[list[int] | None, typer.Option("--keep", help="A version to keep; may be repeated.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go, remove nothing.")] = False,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Removes old versions, retires week-old measures and keys that nothing needs, compacts tables, and removes
    week-old files that nothing refers to; where a run has been at work for longer than a week, nothing that was made
    since it began. The current version stays, and every example, image and embedding."""
    store = lake_at(lake)
    working = oldest_run(store)
    age = AGE if working is None else max(AGE, datetime.now(UTC) - working)
    done = vacuum(store, keep_last=keep_last, keep=keep or (), dry_run=dry_run)
    # What leaves its table now may be read by a run at work: its files go another time.
    swept = None if working is None else sweep(store, age_s=age.total_seconds(), dry_run=dry_run)
    retired = {name: retire(store, age=age, dry_run=dry_run) for name, (retire, _) in _RETIRES.items()}
    compacted = None if dry_run else compact_all(store)
    swept = swept or sweep(store, age_s=age.total_seconds(), dry_run=dry_run)
    if as_json:
        freed = {name: asdict(rest) for name, rest in retired.items()} | {"swept": asdict(swept)}
        compaction = {} if compacted is None else {"compacted": asdict(compacted)}
        print_json(asdict(done) | {"dry_run": dry_run, **freed} | compaction)
        return
    verb = "Would remove" if dry_run else "Removed"
    listed = f"versions {', '.join(map(str, done.versions))}" if done.versions else "no version"
    out.print(f"{verb} {listed} ({done.files} files).", highlight=False)
    for name, (_, kind) in _RETIRES.items():
        if (rest := retired[name]).partitions:
            words = f"{rest.partitions} {kind} that nothing needs ({rest.rows:,} rows)"
            out.print(f"{'Would retire' if dry_run else 'Retired'} {words}.", highlight=False)
    if compacted is not None and compacted.before:
        doubles = f", {compacted.doubles} doubles left out" if compacted.doubles else ""
        out.print(f"Made {compacted.after} files of {compacted.before}{doubles}.", highlight=False)
    if swept.files:
        out.print(f"{verb} {swept.files} files that nothing refers to ({swept.bytes:,} bytes).", highlight=False)
