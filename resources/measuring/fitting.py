"""What audits of drop scope must know of a delivery as a whole: fitted to sketches of its batches, on Ray."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from ops.audits.contract import Audit, Fit
from ops.audits.registry import all_audits
from resources.config.settings import Settings
from resources.engines.progress import Progress
from resources.engines.ray import ray_map
from resources.engines.ray_types import Reference, get, get_all
from resources.lake.parts import Part
from resources.lake.tables import Lake
from resources.measuring.evidence import Evidence, part_inputs
from resources.measuring.examples import example_batches, row_inputs


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
    fitting = {audit.name: audit.fit for audit in audits if audit.fit is not None}
    if not fitting:
        return {}
    # By one audit each: several may fit the same.
    first = {id(fit): name for name, fit in reversed(fitting.items())}
    chosen = {name: settings.audit(name) for name in first.values()}
    sketch = partial(_sketched, lake=lake, shared=evidence.shared, settings=chosen)
    jobs = list(zip(parts, evidence.gathered.pieces, strict=True))
    held: dict[str, Any] = {}
    for sketches in ray_map(sketch, jobs, progress=progress, label="Read what audits fit", total=len(jobs)):
        for name, made in sketches.items():
            held[name] = _fit(name).merge([held[name], made] if name in held else [made], chosen[name])
    models = {name: _fit(name).model(made, chosen[name]) for name, made in held.items()}
    return {name: models[first[id(fit)]] for name, fit in fitting.items() if first[id(fit)] in models}


def _sketched(
    job: tuple[Part, list[Reference]], *, lake: Lake, shared: Reference, settings: Mapping[str, Any]
) -> dict[str, Any]:
    """Runs in a worker: the sketch of a part, by audit."""
    part, pieces = job
    made: dict[str, list[Any]] = {}
    beside = part_inputs(get_all(pieces), get(shared))
    for inputs in row_inputs(lake, example_batches(lake, [part]), beside, [all_audits()[name] for name in settings]):
        for name, chosen in settings.items():
            made.setdefault(name, []).append(_fit(name).sketch(inputs, chosen))
    return {name: _fit(name).merge(sketches, settings[name]) for name, sketches in made.items()}


def _fit(name: str) -> Fit:
    fit = all_audits()[name].fit
    if fit is None:
        raise ValueError(f"audit {name} fits nothing")
    return fit
