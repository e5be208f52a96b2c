"""Finds the exports: every module of this folder that defines `EXPORT`."""

from functools import cache

from ops import exports
from ops.core.discovery import declared
from ops.exports.contract import Export, ExportError


@cache
def all_exports() -> dict[str, Export]:
    """Every output format by name, in alphabetical order."""
    return declared(exports, "EXPORT", order=lambda export: export.name)


def export_of(name: str) -> Export:
    """The output format of that name; ExportError, naming those there are, where there is none."""
    if name not in all_exports():
        raise ExportError(f"there is no format {name!r} to export to; there are {', '.join(all_exports())}")
    return all_exports()[name]
