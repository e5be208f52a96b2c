"""`assay versions`, `diff`, `rollback`, `report`: questions to the versions of a lake that run no audit."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from ops.errors import MissingError
from ops.schemas import DROPS
from ops.versions import Version, headline
from pipelines.cli import DebugOption, JsonOption, LakeOption, app, print_json
from pipelines.faults import out
from pipelines.tables import key_value_table
from resources.admission import not_admitted
from resources.lake import Lake
from resources.lake_address import lake_of
from resources.places import is_address
from resources.publishing import compare, current_version, rollback, version_of
from resources.publishing import versions as all_versions
from resources.reporting import make_report

RowsOption = Annotated[int, typer.Option("--rows", help="How many rows to show.")]


def lake_at(root: str) -> Lake:
    """The lake in that folder or at that address; MissingError where there is none."""
    lake = lake_of(root)
    here = lake.version(DROPS) >= 0 if is_address(root) else (Path(lake.root) / "drops").exists()
    if not here:
        raise MissingError(f"{root}: no lake is here; name its folder with --lake, or make one with `assay run DROP`")
    return lake


def described(version: Version) -> dict[str, Any]:
    """What is said of a version, for a program."""
    return {
        "version": version.number,
        "state": version.state,
        "current": version.current,
        "at": version.at.isoformat(timespec="seconds"),
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
    known = all_versions(store)
    found = [described(version) for version in known]
    outside = not_admitted(store)
    if as_json:
        print_json(found)
        return
    for one in outside:
        out.print(f"kept out: {one.line}", soft_wrap=True, highlight=False, markup=False)
    for version in known:
        if version.left_out:
            out.print(headline(version.number, version.left_out), soft_wrap=True, highlight=False, markup=False)
    table = Table("version", "state", "made", "drops", "examples", "curated", "policy", title_justify="left")
    for version in found:
        counts = version["counts"]
        state = "current" if version["current"] else version["state"]
        sizes = [f"{counts.get(name, 0):,}" for name in ("examples", "curated")]
        table.add_row(
            str(version["version"]), state, version["at"], str(len(version["deliveries"])), *sizes, version["policy"]
        )
    out.print(table if found else "No version has been made yet.")


@app.command()
def diff(
    before: int,
    after: int,
    lake: LakeOption = "lake",
    rows: RowsOption = 0,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """What changed between two versions: examples added, removed and re-weighted, and what caused it."""
    found = compare(lake_at(lake), before, after)
    shown = found.rows.slice(0, rows).to_pylist()
    if as_json:
        print_json({"before": before, "after": after, "counts": found.counts, "rows": shown})
        return
    causes = [
        (f"{change}, {cause}" if cause != "all" else change, number)
        for change, by_cause in found.counts.items()
        for cause, number in by_cause.items()
    ]
    out.print(key_value_table(causes, title=f"From version {before} to version {after}"))
    if shown:
        table = Table("example", "change", "cause", "before", "after")
        for row in shown:
            sides = [f"{row[f'action_{side}'] or '-'} {_weight(row[f'weight_{side}'])}" for side in ("before", "after")]
            table.add_row(row["example_id"], row["change"], row["cause"], *sides)
        out.print(table)


def _weight(weight: float | None) -> str:
    return "" if weight is None else f"{weight:g}"


@app.command(name="rollback")
def roll_back(version: int, lake: LakeOption = "lake", debug: DebugOption = False) -> None:
    """Makes an earlier version current again. Nothing is deleted."""
    changed = rollback(lake_at(lake), version)
    out.print(f"Version {version} is current{'' if changed else ' already'}.", highlight=False)


@app.command()
def report(
    version: Annotated[int | None, typer.Argument(help="Left out: the current version.")] = None,
    lake: LakeOption = "lake",
    debug: DebugOption = False,
) -> None:
    """Writes the report of a version, one HTML page, and says where it is."""
    store = lake_at(lake)
    number = current_version(store) if version is None else version_of(store, version).number
    if number is None:
        raise MissingError("no version has been published yet; `assay run DROP` makes one")
    out.print(str(make_report(store, number)), soft_wrap=True, highlight=False)
