"""Row- and drop-scope audits over one delivery, on Ray.

parts of `examples` + what was gathered for them -> measures_<audit>, partition (delivery, identity)

Workers read the parts, measure them and stage what they measured; the driver holds names of files and counts.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import pyarrow as pa

from ops.audits.contract import Audit, Scope
from ops.audits.registry import all_audits
from ops.core.schemas import EXAMPLES
from resources.config.settings import Settings
from resources.engines.progress import Progress
from resources.engines.ray import ray_map, start_ray_for
from resources.engines.ray_types import Reference, get, get_all, put
from resources.lake.parts import Part
from resources.lake.staged import StagedFile
from resources.lake.tables import Lake
from resources.measuring.canaries import fly_canaries, missing_flight
from resources.measuring.evidence import Evidence, gather_evidence, part_inputs
from resources.measuring.examples import delivery_parts, example_batches, row_inputs, source_files
from resources.measuring.fitting import fitted_models
from resources.measuring.recorded import once, row_identities, unmeasured
from resources.measuring.unit_chances import tell_by_unit

#: Examples of a part: what a worker holds at a time, with all that is looked at beside them.
_PART_ROWS = 16_384
#: Examples with pictures of the source files that a worker measures together.
_FILE_ROWS = 16_384
#: Examples that are measured in this process where no Ray runs.
_ROWS_HERE = 1000


@dataclass(frozen=True, slots=True)
class _Plan:
    """What an audit is set to, and what its measures are then called."""

    settings: Any
    identity: str


@dataclass(frozen=True, slots=True)
class _Job:
    """What a worker measures: parts, of which only the rows of these source files count (all where None); references to
    the pieces of these parts; with which audits, which get the examples all at once or a batch at a time."""

    parts: tuple[Part, ...]
    pieces: tuple[Reference, ...]
    audits: tuple[str, ...]
    files: frozenset[str | None] | None = None
    at_once: bool = True


def measure_delivery(
    lake: Lake,
    delivery: str,
    *,
    names: Sequence[str],
    settings: Settings,
    encoder: str,
    progress: Progress,
    canaries: bool = True,
) -> dict[str, int]:
    """Measures the delivery with the named audits and commits each; returns rows written by audit.

    Audits whose measures are there already are left out. What p-values of files tell is kept as soon as they are there.
    Unless told not to, it flies the delivery's canaries beside them, where these were not judged under these settings
    yet.
    """
    identities = row_identities(settings, encoder)
    chosen = {name: identity for name, identity in identities.items() if name in names}
    missing_audits = [all_audits()[name] for name in unmeasured(lake, delivery, chosen)]
    flight = None
    if canaries:
        flight = missing_flight(lake, delivery, settings=settings, encoder=encoder, identities=identities)
    if not missing_audits and flight is None:
        return {}
    parts = delivery_parts(lake, delivery, rows=_PART_ROWS)
    start_ray_for(sum(part.rows for part in parts), most=_ROWS_HERE)
    looking = {audit.name: audit for audit in [*missing_audits, *(flight.audits if flight else ())]}
    evidence = gather_evidence(
        lake,
        delivery,
        parts,
        settings=settings,
        encoder=encoder,
        audits=list(looking.values()),
        finding=missing_audits,
        progress=progress,
    )
    written: dict[str, int] = {}
    if missing_audits:
        models = fitted_models(lake, parts, evidence, missing_audits, settings=settings, progress=progress)
        plans = {audit.name: _Plan(settings.audit(audit.name), identities[audit.name]) for audit in missing_audits}
        written = _measure(lake, delivery, parts, evidence, plans=plans, models=models, progress=progress)
        tell_by_unit(lake, delivery, {name: identities[name] for name in written}, progress=progress)
    if flight:
        fly_canaries(lake, delivery, flight, parts=parts, evidence=evidence, settings=settings, progress=progress)
    return written


def _measure(
    lake: Lake,
    delivery: str,
    parts: Sequence[Part],
    evidence: Evidence,
    *,
    plans: dict[str, _Plan],
    models: Mapping[str, object],
    progress: Progress,
) -> dict[str, int]:
    """Measures the parts with each of the audits and commits what was measured; rows by audit."""
    audits = [all_audits()[name] for name in plans]
    pictured = set[str | None]().union(*evidence.gathered.files)
    measure = partial(
        _measured,
        lake=lake,
        delivery=delivery,
        shared=evidence.shared,
        plans=plans,
        models=put(models),
        source_file_count=len(pictured),
    )
    staged: dict[str, list[StagedFile]] = {name: [] for name in plans}
    jobs = list(_jobs(parts, evidence, audits))
    label = f"Measure {audits[0].name}" + (f" and {len(plans) - 1} more" if len(plans) > 1 else "")
    for files_by_audit in ray_map(measure, jobs, progress=progress, label=label, total=len(jobs)):
        for name, files in files_by_audit.items():
            staged[name] += files
    for audit in audits:
        lake.commit(audit.table, staged[audit.name], once=once(delivery, plans[audit.name].identity))
    return {name: sum(file.rows for file in files) for name, files in staged.items()}


def _jobs(parts: Sequence[Part], evidence: Evidence, audits: Sequence[Audit]) -> Iterator[_Job]:
    """The longest first: a drop as a whole, then its source files, then its parts."""
    gathered = evidence.gathered
    every = tuple(piece for pieces in gathered.pieces for piece in pieces)
    for audit in audits:
        if audit.scope is Scope.DROP and not audit.by_file and audit.fit is None:
            yield _Job(tuple(parts), every, (audit.name,))
    by_file = tuple(audit.name for audit in audits if audit.by_file)
    for files in _file_groups(gathered.files) if by_file else ():
        places = [place for place, held in enumerate(gathered.files) if files & held.keys()]
        pieces = tuple(piece for place in places for piece in gathered.pieces[place])
        yield _Job(tuple(parts[place] for place in places), pieces, by_file, files=files)
    by_row = tuple(audit.name for audit in audits if audit.scope is Scope.ROW or audit.fit is not None)
    if by_row:
        for part, pieces in zip(parts, gathered.pieces, strict=True):
            yield _Job((part,), tuple(pieces), by_row, at_once=False)


def _file_groups(files_by_part: Sequence[dict[str | None, int]]) -> Iterator[frozenset[str | None]]:
    """The source files, neighbours together as far as they are small: their rows lie in the same parts."""
    rows: dict[str | None, int] = {}
    for files in files_by_part:
        for file, count in files.items():
            rows[file] = rows.get(file, 0) + count
    group: set[str | None] = set()
    held = 0
    for file, count in rows.items():
        if group and held + count > _FILE_ROWS:
            yield frozenset(group)
            group, held = set[str | None](), 0
        group.add(file)
        held += count
    if group:
        yield frozenset(group)


def _measured(
    job: _Job,
    *,
    lake: Lake,
    delivery: str,
    shared: Reference,
    plans: dict[str, _Plan],
    models: Reference,
    source_file_count: int,
) -> dict[str, list[StagedFile]]:
    """Runs in a worker: measures the job's examples with each of its audits and stages the rows."""
    audits = [all_audits()[name] for name in job.audits]
    inputs = part_inputs(get_all(job.pieces), get(shared))
    inputs = replace(inputs, source_file_count=source_file_count)
    fitted: Mapping[str, object] = get(models)
    measured: dict[str, list[pa.Table]] = {audit.name: [] for audit in audits}
    for held in row_inputs(lake, _examples(job, lake), inputs, audits):
        for audit in audits:
            rows = audit.measure(replace(held, fitted=fitted.get(audit.name)), plans[audit.name].settings)
            measured[audit.name].append(_rows(audit, rows))
    staged: dict[str, list[StagedFile]] = {}
    for audit in audits:
        rows = pa.concat_tables(measured[audit.name]) if measured[audit.name] else audit.schema.empty_table()
        identity = plans[audit.name].identity
        rows = rows.append_column("identity", pa.repeat(pa.scalar(identity), len(rows)))
        partition = {"delivery": delivery, "identity": identity}
        staged[audit.name] = lake.stage(audit.table, rows, partition) if len(rows) else []
    return staged


def _examples(job: _Job, lake: Lake) -> Iterator[pa.Table]:
    if not job.at_once:
        yield from example_batches(lake, job.parts)
        return
    examples = lake.read(EXAMPLES, parts=job.parts)
    if job.files is not None:
        examples = examples.filter(pa.array([file in job.files for file in source_files(examples)], pa.bool_()))
    yield examples


def _rows(audit: Audit, rows: pa.Table) -> pa.Table:
    """What was measured; TypeError where it is not what the audit promised."""
    if rows.schema != audit.schema:
        raise TypeError(f"audit {audit.name} promised the columns {audit.schema} but measured {rows.schema}")
    return rows
