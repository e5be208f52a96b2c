"""What audits of drop scope must know of a delivery as a whole: fitted to sketches of its batches, on Ray."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from ops.audits.contract import Audit, Fit
from ops.audits.registry import all_audits
from resources.config.settings import Settings
from resources.engines.progress import Progress
from resources.engines.ray import ray_map
from resources.engines.ray_types import Reference, get, get_all, put
from resources.lake.parts import Part
from resources.lake.tables import Lake
from resources.measuring.evidence import Evidence, part_inputs
from resources.measuring.examples import example_batches, row_inputs

#: A part of the delivery, and references to what was gathered for it.
_Job = tuple[Part, list[Reference]]


def fitted_models(
    lake: Lake,
    parts: Sequence[Part],
    evidence: Evidence,
    audits: Sequence[Audit],
    *,
    settings: Settings,
    progress: Progress,
) -> dict[str, object]:
    """By audit, what those that fit something make of the delivery as a whole. This process holds one merged sketch of
    each, whatever the number of parts."""
    jobs = list(zip(parts, evidence.gathered.pieces, strict=True))
    fit = partial(_fitted, lake, jobs, evidence.shared, settings=settings, progress=progress)
    fits = {audit.name: audit.fit for audit in audits if audit.fit is not None}
    before = fit({name: fit.after for name, fit in fits.items() if fit.after is not None}, {})
    models = fit(fits, before)
    return {name: (before[name], model) if name in before else model for name, model in models.items()}


def _fitted(
    lake: Lake,
    jobs: Sequence[_Job],
    shared: Reference,
    fits: Mapping[str, Fit],
    before: Mapping[str, object],
    *,
    settings: Settings,
    progress: Progress,
) -> dict[str, object]:
    """By audit, what its fit makes of all jobs' sketches, given what was fitted before."""
    # By one audit each: several may fit the same.
    first = {id(fit): name for name, fit in reversed(list(fits.items()))}
    work = {name: (fits[name], settings.audit(name)) for name in first.values()}
    if not work:
        return {}
    sketch = partial(_sketched, lake=lake, shared=shared, work=work, before=put(before))
    held: dict[str, Any] = {}
    for sketches in ray_map(sketch, jobs, progress=progress, label="Read what audits fit", total=len(jobs)):
        for name, made in sketches.items():
            fit, chosen = work[name]
            held[name] = fit.merge([held[name], made] if name in held else [made], chosen)
    models = {name: work[name][0].model(sketch, work[name][1]) for name, sketch in held.items()}
    return {name: models[first[id(fit)]] for name, fit in fits.items() if first[id(fit)] in models}


def _sketched(
    job: _Job, *, lake: Lake, shared: Reference, work: Mapping[str, tuple[Fit, Any]], before: Reference
) -> dict[str, Any]:
    """Runs in a worker: the sketch of a part, by audit."""
    part, pieces = job
    beside, known = part_inputs(get_all(pieces), get(shared)), get(before)
    made: dict[str, list[Any]] = {name: [] for name in work}
    for inputs in row_inputs(lake, example_batches(lake, [part]), beside, [all_audits()[name] for name in work]):
        for name, (fit, chosen) in work.items():
            made[name].append(fit.sketch(replace(inputs, fitted=known.get(name)), chosen))
    return {name: fit.merge(made[name], chosen) for name, (fit, chosen) in work.items() if made[name]}
