"""`assay versions`, `diff`, `rollback`: questions to the versions of a lake that run no audit."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from ops.core.errors import MissingError
from ops.core.schemas import DROPS
from ops.decision.versions import Version, headline
from pipelines.app import DebugOption, JsonOption, LakeOption, app, print_json
from pipelines.faults import out
from pipelines.tables import changes_table, diff_table, minute, versions_table
from resources.config.places import is_address
from resources.intake.corpus_drops import not_admitted
from resources.lake.tables import Lake
from resources.versions.publishing import compare, rollback
from resources.versions.publishing import versions as all_versions

RowsOption = Annotated[int, typer.Option("--rows", help="How many rows to show.")]


def lake_at(root: str) -> Lake:
    """The lake in that folder or at that address; MissingError where there is none."""
    lake = Lake(root)
    exists = lake.version(DROPS) >= 0 if is_address(root) else (Path(lake.root) / "drops").exists()
    if not exists:
        raise MissingError(f"{root}: no lake is here; name its folder with --lake, or make one with `assay run DROP`")
    return lake


def described(version: Version) -> dict[str, object]:
    """What is said of a version, for a program."""
    return {
        "version": version.number,
        "state": version.state,
        "current": version.current,
        "made": version.made.isoformat(timespec="seconds"),
        "at": version.at.isoformat(timespec="seconds"),
        "rolled_back_from": version.rolled_back_from,
        "parent": version.parent,
        "deliveries": version.row["deliveries"],
        "left_out": [asdict(one) for one in version.left_out],
        "policy": version.row["policy"],
        "encoder": version.row["encoder"],
        "code": version.row["code"],
        "counts": version.counts,
    }


@app.command()
def versions(lake: LakeOption = "lake", as_json: JsonOption = False, debug: DebugOption = False) -> None:
    """Lists the versions of a lake: when, from what, how many examples, which is current."""
    store = lake_at(lake)
    every = all_versions(store)
    outside = not_admitted(store)
    if as_json:
        print_json([described(version) for version in every])
        return
    for part in outside:
        out.print(f"kept out: {part.line}", soft_wrap=True, highlight=False, markup=False)
    for version in every:
        if version.left_out:
            out.print(headline(version.number, version.left_out), soft_wrap=True, highlight=False, markup=False)
    out.print(versions_table(every) if every else "No version has been made yet.")
    for version in every:
        if version.current and version.rolled_back_from is not None:
            since = f"since {minute(version.at)} UTC, by a rollback from version {version.rolled_back_from}"
            out.print(f"Version {version.number} is current {since}.", highlight=False, soft_wrap=True)


@app.command()
def diff(
    before: int,
    after: int,
    lake: LakeOption = "lake",
    rows: RowsOption = 0,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """What changed between two versions: examples added, removed and re-weighted, and what caused it.

    Examples that came with the later version and were held or dropped are counted apart.
    """
    change = compare(lake_at(lake), before, after)
    examples = change.rows.slice(0, rows).to_pylist()
    if as_json:
        counts = {"counts": change.counts, "new_left_out": dict(change.new_left_out)}
        print_json({"before": before, "after": after, **counts, "rows": examples})
        return
    out.print(diff_table(change))
    if examples:
        out.print(changes_table(examples))


@app.command(name="rollback")
def roll_back(version: int, lake: LakeOption = "lake", as_json: JsonOption = False, debug: DebugOption = False) -> None:
    """Makes an earlier version current again. Nothing is deleted."""
    changed = rollback(lake_at(lake), version)
    if as_json:
        print_json({"version": version, "changed": changed})
        return
    out.print(f"Version {version} is current{'' if changed else ' already'}.", highlight=False)
