"""Finds the exports: every module of this folder that defines `EXPORT`."""

from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from ops import exports
from ops.exports.contract import Export, ExportError


@cache
def all_exports() -> dict[str, Export]:
    """Every output format by name, in alphabetical order."""
    modules = (import_module(f"{exports.__name__}.{m.name}") for m in iter_modules(exports.__path__))
    found = [module.EXPORT for module in modules if hasattr(module, "EXPORT")]
    by_name = {export.name: export for export in sorted(found, key=lambda export: export.name)}
    if len(by_name) != len(found):
        raise ValueError(f"two exports share a name: {sorted(export.name for export in found)}")
    return by_name


def export_of(name: str) -> Export:
    """The output format of that name; ExportError, naming those there are, where there is none."""
    if name not in all_exports():
        raise ExportError(f"there is no format {name!r} to export to; there are {', '.join(all_exports())}")
    return all_exports()[name]
