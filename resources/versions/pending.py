"""What the next run would do: which drops it would measure, and why it would make a version. Told from the lake's
tables alone, before any engine starts."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ops.core.identity import canonical_json
from ops.core.log import Log
from ops.core.version_schemas import DECISIONS, LABELS, SAMPLES, VERSIONS
from ops.decision.overruling import Decision
from ops.decision.versions import Version, current_number, left_by_rollback, left_out_of, read_log, without_measures
from resources.config.settings import Settings
from resources.lake.tables import Lake
from resources.measuring.corpus import corpus_identities
from resources.measuring.recorded import row_identities
from resources.models.encoder_source import encoder_identity
from resources.versions.agreed_labels import labels_identity, weighed_labels
from resources.versions.code_identity import code_identity
from resources.versions.entering import Entering, entering
from resources.versions.person_decisions import standing_decisions


@dataclass(frozen=True, slots=True)
class Pending:
    """`unmeasured`: what is to be measured, by drop. `blocking`: those of these drops that are in the current version,
    which waits for them. `changes`: how the next version would differ from the current one, a line each; where there is
    none, no version would be made."""

    unmeasured: Mapping[str, Sequence[str]]
    blocking: tuple[str, ...]
    changes: tuple[str, ...]
    current: int | None

    @property
    def blocked(self) -> str:
        """The blocking drops; of many, the first."""
        more = f" and {len(self.blocking) - 3} more" if len(self.blocking) > 3 else ""
        return ", ".join(self.blocking[:3]) + more

    @property
    def summary(self) -> str:
        """On one line."""
        measured = f"{len(self.unmeasured)} drops would be measured" if self.unmeasured else ""
        if not self.changes and not measured:
            return f"nothing has changed since version {self.current}" if self.current else "there is nothing to do"
        return "; ".join(part for part in (measured, *self.changes) if part)


def pending(lake: Lake, settings: Settings) -> Pending:
    """What a run under these settings would do now."""
    encoder = encoder_identity(settings.encoder)
    following = entering(lake, settings=settings, encoder=encoder)
    log = Log.of(lake.read(VERSIONS))
    current = current_number(log)
    known = {version.number: version for version in read_log(log)}
    standing = [known[n] for n in (current, left_by_rollback(log)) if n is not None and n in known]
    decided, labelled = standing_decisions(lake), _labels_now(lake)
    differences = [
        (
            *_changes(version, following, settings, encoder),
            *_redecided(lake, version, decided),
            *_relabelled(lake, version, labelled),
        )
        for version in standing
    ]
    if not following.deliveries or not all(differences):
        changes: tuple[str, ...] = ()
    elif differences:
        changes = differences[0]
    else:
        changes = (f"a first version would be made of {len(following.deliveries)} drops",)
    return Pending(following.unmeasured, tuple(part.drop for part in following.blocking), changes, current)


def _changes(version: Version, following: Entering, settings: Settings, encoder: str) -> Iterator[str]:
    row = version.row
    before, after = set(row["deliveries"] or ()), set(following.deliveries)
    if after - before:
        yield f"new: {', '.join(sorted(after - before))}"
    if before - after:
        yield f"no longer in: {', '.join(sorted(before - after))}"
    measured = json.loads(row["measures"] or "{}")
    wanted = row_identities(settings, encoder) | corpus_identities(settings, following.deliveries, encoder)
    audits = sorted(name for name in {*measured, *wanted} if measured.get(name) != wanted.get(name))
    if audits and before == after:
        yield f"measured anew: {', '.join(audits)}"
    if without_measures(left_out_of(row)) != following.without:
        yield "other measures are left out"
    if row["policy"] != settings.policy.hash:
        yield "another policy"
    config: dict[str, Any] = json.loads(row["config"] or "{}")
    effective = json.loads(canonical_json(settings.effective()))
    yield from (f"another {name}" for name in ("curriculum", "mix") if config.get(name) != effective[name])
    if row["code"] != code_identity():
        yield "other code"
    if row["encoder"] != encoder and before == after:
        yield "another encoder"


def _redecided(lake: Lake, version: Version, decided: Mapping[str, Decision]) -> Iterator[str]:
    """Whether persons decided otherwise since, on how many examples."""
    pinned: int = json.loads(version.row.get("tables") or "{}").get(DECISIONS.name, -1)
    before = standing_decisions(lake, pinned)
    changed = [one for one in before.keys() | decided.keys() if before.get(one) != decided.get(one)]
    if changed:
        yield f"a person decided on {len(changed)} example{'s' * (len(changed) > 1)}"


def _labels_now(lake: Lake) -> str:
    return labels_identity(weighed_labels(lake, {spec.name: lake.version(spec) for spec in (LABELS, SAMPLES)}))


def _relabelled(lake: Lake, version: Version, now: str) -> Iterator[str]:
    """Whether reviewers have labelled more since, which may correct chances."""
    if now != labels_identity(weighed_labels(lake, json.loads(version.row.get("tables") or "{}"))):
        yield "other labels of reviewers"
