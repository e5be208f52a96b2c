"""What the next version is made of: the admitted deliveries that are measured and passed their gates; and what is left
out of it, by whom and why. Decided from the lake's tables alone, before Spark works.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ops.core.errors import MissingError
from ops.core.measure_schemas import CANARIES
from ops.decision.versions import LeftOut, without_measures
from resources.config.settings import Settings
from resources.gates.canaries import missed_canaries
from resources.gates.outcomes import MeasuresGate, measures_gates
from resources.intake.corpus_drops import admitted_deliveries, drops_by_delivery, not_admitted
from resources.lake.tables import Lake
from resources.measuring.recorded import row_identities, unmeasured_drops
from resources.versions.publishing import current_version, version_of

_ALONE = "or set gates.failed_measures to audit, which leaves out these measures and keeps the drop"


@dataclass(frozen=True, slots=True)
class Entering:
    """The deliveries of the next version, in the order in which their drops came, and what it leaves out.

    `blocking` are drops of the current version that are not measured under these settings. They are not left out: a
    version would lose them only because a run or a backfill is not done yet. `unmeasured` says of each admitted drop
    that lacks any what is missing.
    """

    deliveries: tuple[str, ...]
    left_out: tuple[LeftOut, ...]
    blocking: tuple[LeftOut, ...]
    unmeasured: Mapping[str, Sequence[str]]

    @property
    def without(self) -> dict[str, list[str]]:
        """Deliveries whose measures by an audit are not used, by audit."""
        return without_measures(self.left_out)


def entering(lake: Lake, *, settings: Settings, encoder: str) -> Entering:
    """What enters the next version under these settings, and what does not."""
    admitted = admitted_deliveries(lake)
    drop_of = drops_by_delivery(lake)
    missing = unmeasured_drops(lake, settings=settings, encoder=encoder)
    identities = row_identities(settings, encoder)
    gates = measures_gates(lake, admitted, identities=identities, settings=settings.gates)
    missed = missed_canaries(lake, admitted, settings.gates)
    current = {drop_of.get(delivery) for delivery in current_deliveries(lake)}
    deliveries: list[str] = []
    left_out = not_admitted(lake)
    blocking: list[LeftOut] = []
    for delivery in admitted:
        drop = drop_of[delivery]
        failed = {audit: gate for audit, gate in sorted(gates[delivery].items()) if not gate.success}
        if drop in missing:
            fix = "`assay run` measures it, as does a backfill of its partition of the measures"
            left = LeftOut(drop, delivery, "unmeasured", ", ".join(missing[drop]), fix)
            (blocking if drop in current else left_out).append(left)
        elif delivery in missed:
            left_out.append(_failed(drop, delivery, {CANARIES.name: missed[delivery]}))
        elif failed and settings.gates.failed_measures == "drop":
            left_out.append(_failed(drop, delivery, failed, or_else=(_ALONE,)))
        else:
            deliveries.append(delivery)
            left_out += [_failed(drop, delivery, {audit: gate}, alone=True) for audit, gate in failed.items()]
    return Entering(tuple(deliveries), tuple(left_out), tuple(blocking), missing)


def decided(lake: Lake, *, settings: Settings, encoder: str) -> Entering:
    """What enters the next version. MissingError where drops of the current version are not measured under these
    settings; says which and what to run."""
    following = entering(lake, settings=settings, encoder=encoder)
    if following.blocking:
        first = following.blocking[0]
        raise MissingError(
            f"{len(following.blocking)} drops of the current version are not measured under these settings, among them "
            f"{first.drop!r} ({first.why}); run `assay run`, backfill these partitions of the measures, or take a drop "
            f"out with `assay withdraw {first.drop}`"
        )
    return following


def _failed(
    drop: str, delivery: str, gates: Mapping[str, MeasuresGate], *, or_else: Sequence[str] = (), alone: bool = False
) -> LeftOut:
    why = "; ".join(f"{audit}: {', '.join(gate.failures)}" for audit, gate in gates.items())
    fixes = dict.fromkeys(fix for gate in gates.values() for fix in gate.fixes)
    return LeftOut(drop, delivery, "gate", why, "; ".join([*fixes, *or_else]), audits=tuple(gates), measures_only=alone)


def current_deliveries(lake: Lake) -> list[str]:
    """The deliveries of the current version; none before the first."""
    number = current_version(lake)
    return [] if number is None else list(version_of(lake, number).row["deliveries"] or ())
