"""What is made for audits of the corpus, and that nothing needs any more, gives its room back: turns, keys, banks of
centres and clusters by other rules than those of today, and counts over measures that are retired.

By the rules of measures of the corpus (resources/measuring/corpus_retention.py). Needed are keys by the settings of the
last version and of kept ones, as the code of today names them; banks, with the clusters by them, that measures were
made by that are not retired; counts that kept versions show; of each delivery, what was made last; and what is young.
What goes is made anew, and the same, where it is asked for once more.

corpus_jobs, versions -> turns, dialogues, tables of ops/core/key_schemas.py, modality_statistics, contradiction_rates
(without)
"""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from ops.audits.contract import Audit, Scope, StoredKeys
from ops.audits.registry import audits_of
from ops.core.canonical import RULES
from ops.core.key_schemas import CLUSTER_CENTRES
from ops.core.log import Log
from ops.core.measure_schemas import CONTRADICTION_RATES, CORPUS_JOBS, MODALITY_STATISTICS
from ops.core.schemas import TableSpec
from ops.core.tables import TABLES
from ops.core.version_schemas import VERSIONS
from ops.decision.versions import REMOVED, Version, read_log, without_measures
from ops.text.turn_rows import TURN_RULES, TURN_TABLES
from resources.lake.parts import Part
from resources.lake.tables import Lake
from resources.measuring.corpus import modality_identity
from resources.measuring.corpus_jobs import last_states
from resources.measuring.corpus_retention import AGE, Retired
from resources.measuring.delivery_retention import last_made


def retire_made(lake: Lake, *, age: timedelta = AGE, dry_run: bool = False) -> Retired:
    """Retires what was made for audits of the corpus, older than `age`, that nothing needs; measures first."""
    before = datetime.now(UTC) - age
    gone: list[list[Part]] = []
    for table, needed in _needed(lake).items():
        spec = TABLES[table]
        for once, parts in _needless(lake, spec, needed, before):
            if not (lake.committed(spec, once) if dry_run else lake.revoke(spec, where=parts[0].partition, once=once)):
                continue
            gone.append(parts)
    return Retired.of(gone)


def _needless(lake: Lake, spec: TableSpec, needed: set[str], before: datetime) -> Iterator[tuple[str, list[Part]]]:
    """The partitions that can go, each with the name of its commit. The last column that a table is partitioned by
    names how its rows were made."""
    made: defaultdict[tuple[str, ...], defaultdict[str, list[Part]]] = defaultdict(lambda: defaultdict(list))
    for part in lake.parts(spec):
        *of, how = (str(part.partition[name]) for name in spec.partition_by)
        made[tuple(of)][how].append(part)
    for of, ways in made.items():
        if needed >= ways.keys() or len(ways) == 1:
            continue
        at = {how: last_made(lake, spec.name, parts) for how, parts in ways.items()}
        last = max(at, key=at.__getitem__)
        for how in sorted(ways.keys() - {*needed, last}):
            if at[how] < before:
                yield "/".join((*of, how)), ways[how]


def _needed(lake: Lake) -> dict[str, set[str]]:
    """By table, the names of what is needed whenever it was made."""
    known = read_log(Log.of(lake.read(VERSIONS)))
    kept = [version for version in known if version.state != REMOVED]
    standing = [row for row in last_states(Log.of(lake.read(CORPUS_JOBS))) if row["state"] != "retired"]
    needed: defaultdict[str, set[str]] = defaultdict(set)
    needed |= {spec.name: {TURN_RULES} for spec in TURN_TABLES}
    needed[MODALITY_STATISTICS.name] = {_statistics(version) for version in kept}
    needed[CONTRADICTION_RATES.name] = {row["identity"] for row in standing if row["audit"] == "contradictions"}
    configs = [json.loads(version.row["config"] or "{}") for version in (*known[-1:], *kept)]
    for audit in audits_of(Scope.CORPUS):
        for keys in audit.keys:
            needed[keys.spec.name].update(*(_rules(keys, config, audit) for config in configs))
        if audit.clusters:
            banks = {row["knows"] for row in standing if row["audit"] == audit.name and row["knows"]}
            needed[audit.clusters.spec.name] |= banks
            needed[CLUSTER_CENTRES.name] |= banks
    return dict(needed)


def _rules(keys: StoredKeys, config: Mapping[str, Any], audit: Audit) -> set[str]:
    """The rules of keys by an audit's settings in a version's configuration; what it did not know yet has its default.
    None by settings that the code of today refuses: nobody can ask for them."""
    chosen: Mapping[str, Any] = config.get("audits", {}).get(audit.name, {})
    default: Any = audit.settings
    try:
        given = default and {f.name: chosen[f.name] for f in fields(default) if f.name in chosen}
        settings = default and replace(default, **given)
    except ValueError:
        return set()
    return {keys.rules(settings, RULES)}


def _statistics(version: Version) -> str:
    measures: dict[str, str] = json.loads(version.row["measures"] or "{}")
    return modality_identity(version.row["deliveries"] or (), measures, without_measures(version.left_out))
