"""What came into a version, drop by drop, and what it is made of: modalities, contradictions, stages."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from ops.core.arrow import column_of, compare, fill_null, flags, value_counts
from ops.core.hashing import distinct, joined, key_hashes
from ops.core.log import Log, Row
from ops.core.measure_schemas import CONTRADICTION_RATES, MODALITY_STATISTICS
from ops.core.schemas import DROPS, EXAMPLES
from ops.core.version_schemas import CURRICULUM, VERDICTS
from ops.report.counting import VerdictFigures, count_stages, visual_keys
from ops.report.data import DropFlow, FileFlow, ModalityRow, RateRow, Stage
from resources.lake.stored_measures import Without
from resources.lake.tables import Lake
from resources.measuring.corpus import modality_identity
from resources.report.rows import from_row

_KEY = ["delivery", "example_id"]


def admissions(lake: Lake, deliveries: Sequence[str]) -> dict[str, Row]:
    """The row of `drops` that admitted each delivery, in the order of the drops' names."""
    log = Log.of(lake.read(DROPS, where={"delivery": list(deliveries)}))
    # A later row says that the delivery was superseded; the one that admitted it has its gate.
    last = log.last_by("delivery") | log.where(state="admitted").last_by("delivery")
    return dict(sorted(last.items(), key=lambda pair: (pair[1]["drop"] or "", pair[0])))


def drop_flow(
    drop: Row,
    counts: Iterable[Row],
    reasons: Mapping[tuple[str, str], Mapping[str, int]],
    judged: VerdictFigures,
) -> DropFlow:
    """What came in with a delivery and what became of it. `counts` are its rows of `drop_files`; `reasons` counts
    quarantined rows by delivery and file."""
    delivery = drop["delivery"]
    files = [from_row(FileFlow, file, reasons=dict(reasons.get((delivery, file["file"]), {}))) for file in counts]
    return from_row(DropFlow, drop, files=tuple(files), actions=dict(judged.by_delivery.get(delivery, {})))


def modality_rows(
    lake: Lake, admitted: Mapping[str, Row], measures: Mapping[str, str], without: Without
) -> tuple[ModalityRow, ...]:
    """The modality statistics of the deliveries that these rows of `drops` admitted."""
    identity = modality_identity(list(admitted), measures, without)
    rows = lake.read(MODALITY_STATISTICS, where={"identity": identity}).to_pylist()
    figures: list[ModalityRow] = []
    for row in rows:
        admission = admitted[row["delivery"]]
        figures.append(from_row(ModalityRow, row, drop=admission["drop"], arrived=admission["at"]))
    return tuple(sorted(figures, key=lambda f: (f.drop, f.dataset, f.kind, f.modality)))


def contradiction_rows(lake: Lake, measures: Mapping[str, str], drops: Mapping[str, str]) -> tuple[RateRow, ...]:
    """How often judgements contradict each other, by kind; `drops` has the drop of each delivery."""
    if "contradictions" not in measures:
        return ()
    rows = lake.read(CONTRADICTION_RATES, where={"identity": measures["contradictions"]}).to_pylist()
    figures = [
        from_row(RateRow, row, drop=drops.get(row["delivery"], row["delivery"]), contradictory=row["found"] or 0)
        for row in rows
        if row["found"] or row["kind"] == "any"
    ]
    return tuple(sorted(figures, key=lambda f: (f.drop, f.dataset, f.kind != "any", -f.contradictory, f.kind)))


def stage_figures(lake: Lake, version: int, deliveries: Sequence[str], datasets: Sequence[str]) -> tuple[Stage, ...]:
    """The stages of the version's curriculum."""
    where = {"delivery": list(deliveries)}
    visual = visual_keys(lake.batches(EXAMPLES, where=where, columns=[*_KEY, "image_ids"]))
    members: dict[str, list[np.ndarray]] = {name: [] for name in datasets}
    for batch in lake.batches(VERDICTS, where={"version": version}, columns=[*_KEY, "dataset"]):
        hashed = key_hashes(batch)
        dataset = fill_null(column_of(batch, "dataset"), "")
        for name, _ in value_counts(dataset):
            members[name].append(hashed[flags(compare(dataset, "==", name))])
    mix = {name: distinct(joined(parts)) for name, parts in members.items()}
    return count_stages(lake.batches(CURRICULUM, where={"version": version}), visual, mix)
