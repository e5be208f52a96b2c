"""Finds the audits: every module of this folder that defines `AUDIT`."""

from functools import cache

from ops import audits
from ops.audits.contract import Audit, Scope
from ops.core.discovery import declared


@cache
def all_audits() -> dict[str, Audit]:
    """Every audit by name, in alphabetical order."""
    return declared(audits, "AUDIT", order=lambda audit: audit.name)


def audits_of(*scopes: Scope) -> list[Audit]:
    """The audits of the given scopes."""
    return [audit for audit in all_audits().values() if audit.scope in scopes]
