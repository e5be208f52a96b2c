"""Finds the audits: every module of this folder that defines `AUDIT`."""

from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from ops import audits
from ops.audits.contract import Audit, Scope


@cache
def all_audits() -> dict[str, Audit]:
    """Every audit by name, in alphabetical order."""
    modules = (import_module(f"{audits.__name__}.{m.name}") for m in iter_modules(audits.__path__))
    found = [module.AUDIT for module in modules if hasattr(module, "AUDIT")]
    by_name = {audit.name: audit for audit in sorted(found, key=lambda a: a.name)}
    if len(by_name) != len(found):
        raise ValueError(f"two audits share a name: {sorted(a.name for a in found)}")
    return by_name


def audits_of(*scopes: Scope) -> list[Audit]:
    """The audits of the given scopes."""
    return [audit for audit in all_audits().values() if audit.scope in scopes]
