"""Gates: what must hold before data moves on, judged by Great Expectations over small tables of facts.

A gate counts its facts from the lake in a stream (ops.gates.gate_facts, ops.gates.candidate_facts), hands them to Great
Expectations, and says of each failure which figure broke which limit. Results are kept in the lake's folder `.gates`,
one JSON file a gate, subject and time. Dagster's own integration needs Great Expectations below 1.0, hence this one.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa

from ops.audits.contract import Audit
from ops.core.errors import MissingError
from ops.core.hashing import EXAMPLE_KEY, joined, key_hashes
from ops.core.log import SEQUENCE, Log
from ops.core.parquet_files import stored_schema
from ops.core.schemas import DROPS, EXAMPLES, QUARANTINE
from ops.core.tasks import InProcess, Tasks
from ops.core.version_schemas import VERSIONS
from ops.decision.versions import left_out_of, without_measures
from ops.gates.candidate_facts import replays
from ops.gates.gate_facts import ingest_facts, measures_facts
from ops.gates.guards import GuardSettings
from ops.intake.reasons import REASONS
from resources.gates.candidate import Stored, facts_of
from resources.gates.mix import pinned_mix
from resources.gates.suites import (
    Suites,
    candidate_suites,
    diversity_suites,
    great_expectations,
    ingest_suites,
    measures_suites,
    mix_suites,
    removal_suites,
)
from resources.gates.words import Check, check_of, frame_of
from resources.lake.file_counts import file_counts
from resources.lake.shares import SHARE_ROWS
from resources.lake.tables import Lake
from resources.storage.storage import Storage

#: Rows of a facts table that a result carries.
MOST_FACTS = 100
#: The lake's folder of what was found, one JSON file a suite, subject and time.
HISTORY = ".gates"
#: How the names of these files say when a gate was judged.
TIME = "%Y%m%dT%H%M%S.%fZ"


@dataclass(frozen=True, slots=True)
class GateResult:
    """What a gate found. `failures` are sentences that name the figure and its limit; `results` is plain JSON:
    gate, subject, success, failures, fixes, checks (part, expectation, figure, promised, found, success) and facts."""

    name: str
    subject: str
    success: bool
    failures: list[str]
    fixes: list[str]
    results: dict[str, Any]
    kept: str = ""
    """GATE/PARTS/RUN/TIME, by which the lake keeps what Great Expectations found; empty where it is not kept."""

    @property
    def message(self) -> str:
        """One line for a person: what failed, by how much, and what to do."""
        if self.success:
            return f"{self.name} gate passed for {self.subject}"
        fixes = f". Fix: {'; '.join(self.fixes)}" if self.fixes else ""
        return f"{self.name} gate failed for {self.subject}: {'; '.join(self.failures)}{fixes}"


def ingest_gate(lake: Lake, delivery: str, *, settings: GuardSettings) -> GateResult:
    """Whether a delivery's rows are all accounted for and enough of them usable. LookupError for an unknown one."""
    of_delivery = {"delivery": delivery}
    drop = Log.of(lake.read(DROPS, where=of_delivery)).last
    if drop is None:
        raise MissingError(f"delivery {delivery!r} is not in the lake; run `assay run` with the drop's folder")
    facts = ingest_facts(
        drop,
        file_counts(lake, [delivery]).get(delivery, ()),
        lake.batches(EXAMPLES, where=of_delivery, columns=["provenance"]),
        lake.batches(QUARANTINE, where=of_delivery, columns=["file", "reason"]),
    )
    result = run_gate(
        "ingest",
        f"drop {drop['drop']!r}",
        facts,
        suites=ingest_suites(settings),
        run=delivery,
        history=lake.storage,
    )
    if not result.success:
        worst = facts["drop"]["top_reasons"][0].as_py().split(", ")[0].rpartition(" ")[0]
        result.fixes.extend(_advice(worst))
    return result


def measures_gate(
    lake: Lake,
    audit: Audit,
    *,
    deliveries: Sequence[str],
    identity: str,
    settings: GuardSettings | None = None,
    examples: np.ndarray | None = None,
) -> GateResult:
    """Whether an audit's measures of these deliveries are what the audit promises. `examples` are the keys of their
    examples (`example_keys`), read here where they are not given."""
    where: dict[str, object] = {"identity": identity}
    if "delivery" in audit.table.partition_by:
        where["delivery"] = list(deliveries)
    facts = measures_facts(
        audit,
        partial(lake.batches, audit.table, where=where),
        examples=example_keys(lake, deliveries) if examples is None else examples,
        columns=_stored_columns(lake, audit, where),
    )
    subject = f"audit {audit.name!r} of {_named(deliveries)}"
    return run_gate(
        "measures",
        subject,
        facts,
        suites=measures_suites(audit, settings),
        run=f"{audit.name}-{identity}",
        history=lake.storage,
    )


def example_keys(lake: Lake, deliveries: Sequence[str]) -> np.ndarray:
    """The hashed key of each example of the deliveries (n, uint64): read once for the gates of many audits."""
    known = lake.batches(EXAMPLES, where={"delivery": list(deliveries)}, columns=list(EXAMPLE_KEY))
    return joined(key_hashes(batch) for batch in known)


def candidate_gate(
    lake: Lake,
    version: int,
    *,
    deliveries: Sequence[str],
    settings: GuardSettings,
    tasks: Tasks | None = None,
    share_rows: int = SHARE_ROWS,
) -> GateResult:
    """Whether a candidate version accounts for every example of its deliveries and stays within the limits. The facts
    are counted by the tasks, in this process where there are none."""
    columns = [SEQUENCE, "config", "encoder", "measures", "left_out"]
    pinned = Log.of(lake.read(VERSIONS, where={"version": version}, columns=columns)).last or {}
    mix = pinned_mix(pinned.get("config"))
    stored = Stored(
        lake=lake,
        version=version,
        deliveries=tuple(deliveries),
        measures=json.loads(pinned.get("measures") or "{}"),
        without=without_measures(left_out_of(pinned)),
        encoder=pinned.get("encoder") or "",
        mix=mix,
    )
    facts = facts_of(stored, tasks or InProcess(), share_rows=share_rows)
    suites = candidate_suites(settings, replays=replays(pinned.get("config"))) | diversity_suites(settings)
    suites |= mix_suites(mix) | removal_suites(settings)
    return run_gate(
        "candidate",
        f"version {version}",
        facts,
        suites=suites,
        run=f"version-{version}",
        history=lake.storage,
    )


def run_gate(
    name: str, subject: str, facts: Mapping[str, pa.Table], *, suites: Suites, run: str, history: Storage | None
) -> GateResult:
    """Validate each facts table against the suite of its name. `run` names this run in the `history`: the place of
    a lake, in whose folder HISTORY each suite's result is added."""
    context = _context()
    checks: list[Check] = []
    at = f"{datetime.now(UTC):{TIME}}"
    for part, expectations in suites.items():
        frame = frame_of(facts[part])
        suite = great_expectations().ExpectationSuite(name=f"{name}-{part}", expectations=expectations)
        outcome = _validated(context, frame, context.suites.add(suite))
        if history is not None:
            result = json.dumps(outcome.to_json_dict()).encode()
            history.write(f"{HISTORY}/{suite.name}/{run}/{at}.json", result)
        checks += [check_of(part, result, frame) for result in outcome.results]
    failures = [failure for check in checks for failure in check.failures]
    fixes = list(dict.fromkeys(check.fix for check in checks if not check.success and check.fix))
    results = {
        "gate": name,
        "subject": subject,
        "success": not failures,
        "failures": failures,
        "fixes": fixes,
        "checks": [check.plain() for check in checks],
        "facts": {part: table.slice(0, MOST_FACTS).to_pylist() for part, table in facts.items()},
    }
    kept = "" if history is None else f"{name}/{','.join(suites)}/{run}/{at}"
    return GateResult(name, subject, not failures, failures, fixes, results, kept)


def _validated(context: Any, frame: Any, suite: Any) -> Any:
    gx = great_expectations()
    asset = context.data_sources.add_pandas(suite.name).add_dataframe_asset("facts")
    batch = asset.add_batch_definition_whole_dataframe("all")
    definition = context.validation_definitions.add(gx.ValidationDefinition(name=suite.name, data=batch, suite=suite))
    return definition.run(batch_parameters={"dataframe": frame}, result_format="COMPLETE")


def _context() -> Any:
    """A context in memory; what it finds is kept by `run_gate`, wherever the lake is.

    Data Docs are made when somebody looks (resources.gates.data_docs), from what is kept.
    """
    gx = great_expectations()
    from great_expectations.data_context.types.base import (
        DataContextConfig,
        InMemoryStoreBackendDefaults,
        ProgressBarsConfig,
    )

    config = DataContextConfig(
        store_backend_defaults=InMemoryStoreBackendDefaults(),
        analytics_enabled=False,
        progress_bars=ProgressBarsConfig(globally=False),
    )
    return gx.get_context(mode="ephemeral", project_config=config)


def _stored_columns(lake: Lake, audit: Audit, where: Mapping[str, object]) -> list[str] | None:
    """The columns that every stored file of the measures has; None where there is no file. A read through the lake
    would not tell: it gives a column that a file lacks as nulls."""
    filesystem, base = lake.storage.open()
    names: set[str] | None = None
    for address in lake.files(audit.table, where=where):
        in_file = set(stored_schema(base + address.removeprefix(lake.root), filesystem).names)
        names = in_file if names is None else names & in_file
    return None if names is None else sorted(names)


def _named(deliveries: Sequence[str]) -> str:
    first = ", ".join(deliveries[:3])
    return first if len(deliveries) <= 3 else f"{first} and {len(deliveries) - 3} more deliveries"


def _advice(reason: str) -> list[str]:
    return [f"{reason}: {REASONS[reason].advice}"] if reason in REASONS else []
