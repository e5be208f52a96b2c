"""A stratified sample of a version, drawn and remembered, and its pages for reviewers: blind to the verdicts."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from ops.audits.registry import all_audits
from ops.core.arrow import column_values, rows_at, whole
from ops.core.errors import MissingError, UnusableError
from ops.core.identity import fingerprint
from ops.core.log import Row
from ops.core.version_schemas import SAMPLES, VERDICTS
from ops.decision.difficulty import components, per_example
from ops.decision.versions import Version
from ops.report.review_page import Choice, ReviewItem, ReviewQueue, review_page
from ops.report.thumbnails import data_uri
from ops.review.labels import FAULTY, SOUND, UNSURE
from ops.review.sampling import Drawn, draw, strata_of
from resources.lake.stored_measures import read_measures
from resources.lake.tables import Lake
from resources.review.items import PAGE_ROWS, contents_of, pages_of, read_items

MEASURE = "image_mismatch.probability"
"""By whose deciles a sample is drawn where no other measure is named."""
_CHOICES = (Choice(SOUND, "s"), Choice(FAULTY, "f"), Choice(UNSURE, "u"))


@dataclass(frozen=True, slots=True)
class Sample:
    """What was drawn: its id, how many examples of how many strata, and the files that were written."""

    sample: str
    version: int
    examples: int
    strata: int
    pages: tuple[Path, ...]
    label_studio: Path


def write_sample(
    lake: Lake,
    version: Version,
    folder: Path,
    *,
    rows: int,
    seed: int,
    measure: str = MEASURE,
    page_rows: int = PAGE_ROWS,
) -> Sample:
    """Draws the sample, remembers it in the lake, and writes its pages and the tasks of Label Studio into the folder.
    The same version, size, seed and measure are the same sample, which is written again.

    MissingError where the version has no such measure, UnusableError where it has no example or `rows` is none.
    """
    if rows < 1:
        raise UnusableError(f"a sample has at least 1 row, not {rows}")
    name = fingerprint(version.content, rows, seed, measure)
    drawn = _drawn(lake, version, name, rows=rows, seed=seed, measure=measure)
    lake.write(SAMPLES, drawn, partition={}, once=f"sample-{name}")
    # In the order of ids, which are hashes: the order of the strata would tell the verdicts.
    ids = sorted(column_values(drawn, "example_id", str))
    folder.mkdir(parents=True, exist_ok=True)
    pages: list[Path] = []
    tasks: list[Row] = []
    for at, own in enumerate(pages_of(ids, page_rows), 1):
        items = read_items(lake, version, own, blind=True)
        pages.append(folder / f"label-{name}-{at:03d}.html")
        pages[-1].write_text(review_page(_queue(name, version, at), items), "utf-8")
        tasks += [_task(item, name) for item in items]
    studio = folder / f"label-studio-{name}.json"
    studio.write_text(json.dumps(tasks, ensure_ascii=False), "utf-8")
    (folder / "label-studio.xml").write_text(_STUDIO, "utf-8")
    strata = len(set(column_values(drawn, "stratum", str)))
    return Sample(name, version.number, len(ids), strata, tuple(pages), studio)


def _drawn(lake: Lake, version: Version, name: str, *, rows: int, seed: int, measure: str) -> pa.Table:
    """The rows of the sample (SAMPLES)."""
    columns = ["delivery", "example_id", "action", "reasons"]
    judged = lake.read(VERDICTS, where={"version": version.number}, columns=columns)
    if not judged.num_rows:
        raise UnusableError(f"version {version.number} has no verdicts to draw from; was it removed?")
    values = _values(lake, version, measure, judged)
    ids = column_values(judged, "example_id", str)
    strata = strata_of(column_values(judged, "action", str), values)
    drawn = draw(ids, strata, rows, seed=seed)
    chosen: list[Row] = rows_at(judged, pa.array(drawn.rows)).to_pylist()
    contents = contents_of(lake, [row["example_id"] for row in chosen], list(version.row["deliveries"] or ()))
    means = _means(strata, values)
    of_sample = {"sample": name, "version": version.number, "seed": seed, "measure": measure}
    return pa.Table.from_pylist(
        [
            {**of_sample, **_row(row, drawn, at, values, means), "content_id": contents[row["example_id"]]}
            for at, row in enumerate(chosen)
        ],
        schema=SAMPLES.schema,
    )


def _row(row: Row, drawn: Drawn, at: int, values: np.ndarray, means: dict[str, float]) -> Row:
    value, mean = float(values[drawn.rows[at]]), means.get(drawn.strata[at])
    return {
        **{name: row[name] for name in ("delivery", "example_id", "action")},
        "rules": sorted({reason["rule"] for reason in row["reasons"] or ()}),
        "stratum": drawn.strata[at],
        "stratum_rows": int(drawn.of[at]),
        "weight": float(drawn.weights[at]),
        "value": value if np.isfinite(value) else None,
        "stratum_mean": mean,
    }


def _means(strata: Sequence[str], values: np.ndarray) -> dict[str, float]:
    """Mean of the values over each stratum that has some."""
    known = np.isfinite(values)
    names, at = np.unique(np.array(strata)[known], return_inverse=True)
    sums, counts = np.bincount(at, values[known], len(names)), np.bincount(at, minlength=len(names))
    return {str(name): float(total / count) for name, total, count in zip(names, sums, counts, strict=True)}


def _values(lake: Lake, version: Version, measure: str, judged: pa.Table) -> np.ndarray:
    """The measure of each example; NaN where it has none."""
    audit, _, column = measure.partition(".")
    measures: dict[str, str] = json.loads(version.row["measures"] or "{}")
    known = all_audits().get(audit)
    if known is None or column not in known.schema.names or audit not in measures:
        raise MissingError(
            f"version {version.number} was not measured by {measure!r}; name another with --measure AUDIT.COLUMN, of "
            f"{', '.join(sorted(measures))}"
        )
    deliveries: list[str] = list(version.row["deliveries"] or ())
    batches = read_measures(lake, audit, identity=measures[audit], deliveries=deliveries, columns={column})
    return per_example(whole(judged, "example_id"), components(batches, [column])[column])


def _queue(name: str, version: Version, page: int) -> ReviewQueue:
    return ReviewQueue(
        identity=name,
        title=f"Is this example sound? Sample {name}, page {page}",
        lead="Press s where pictures and answers are sound, f where one is faulty, u where you cannot tell. Two "
        "reviewers label apart from each other; each exports a CSV, and assay calibrate reads both.",
        file=f"labels-{name}-{page:03d}.csv",
        column="label",
        choices=_CHOICES,
        blind=True,
        columns=(("sample", name),),
    )


def _task(item: ReviewItem, name: str) -> dict[str, object]:
    """A task of Label Studio, with its pictures within."""
    example = item.example
    pictures = [data_uri(picture.jpeg) for picture in example.pictures if picture.jpeg]
    text = "\n\n".join(f"{turn.role}: {turn.text}" for turn in example.turns)
    ids = {"example_id": example.example_id, "content_id": item.content_id, "sample": name}
    # Of a list that is empty Label Studio shows no task at all.
    return {"data": {**ids, "images": pictures or [""], "text": text}}


_STUDIO = f"""<View>
  <Image name="image" valueList="$images" maxWidth="900px"/>
  <Text name="text" value="$text"/>
  <Choices name="label" toName="text" choice="single" required="true">
    <Choice value="{SOUND}" hotkey="s"/><Choice value="{FAULTY}" hotkey="f"/><Choice value="{UNSURE}" hotkey="u"/>
  </Choices>
</View>
"""
