"""How far the chance of a shifted join can be trusted that p-values of files tell: captions of photographs that no one
here wrote, in files in some of which the join has slipped.

    OMP_NUM_THREADS=1 .venv/bin/python -m benchmarks.shifted_files --photos ../shared/data/photos

A delivery is `--files` files. The photographs are few, so that files share them: each file holds all of them in an
order of its own, with one of the captions of each. In a share of the files a run of `SHORTEST` rows or more shows the
photographs of one to eight rows on, going round at its end (as ops/demo/plant.py shifts). The audit measures the
delivery, and its p-values tell.

The first table is of files: the chance of each by its least p-value, and whether the join slipped in it. The second
is of rows: the chance of the rows of named runs (all others count as 0), and whether a row shows another photograph.
Columns are as in benchmarks.mismatch_accuracy, with a bootstrap of files. Below each stands its reliability diagram.
"""

import argparse
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random

import numpy as np
import pyarrow as pa

from benchmarks.audit_accuracy import Embeddings, PicturedTurns, example
from benchmarks.mismatch_accuracy import COLUMNS, Judged, diagram, row_of
from benchmarks.options import planted_options
from ops.audits.alignment_shift import AUDIT, wanted_texts
from ops.canaries.chances import chances_by_unit
from ops.core.schemas import EXAMPLES
from ops.evidence.inputs import RowInputs
from resources.config.encoder_settings import EncoderSettings
from resources.models.encoder import load_encoder

SHORTEST, REACH = 15, 8

Photos = Sequence[tuple[Path, Sequence[str]]]
"""Each with its captions."""


def photos(folder: Path) -> Photos:
    """The photographs of a folder."""
    lines = [json.loads(line) for line in (folder / "captions.jsonl").read_text("utf-8").splitlines()]
    return [(folder / line["image"], line["captions"]) for line in lines]


def rows_of_file(known: Photos, rng: Random, *, shifted: bool) -> list[PicturedTurns]:
    """The photographs in a new order, each with one caption; where the join has slipped some show another's."""
    order = rng.sample(known, len(known))
    pictures = [path for path, _ in order]
    if shifted:
        count, by = rng.randint(SHORTEST, len(order)), rng.randint(1, REACH)
        start = rng.randint(0, len(order) - count)
        run = pictures[start : start + count]
        pictures[start : start + count] = run[by:] + run[:by]
    return [
        PicturedTurns((("", rng.choice(captions)),), picture, picture != path)
        for (path, captions), picture in zip(order, pictures, strict=True)
    ]


def judged(files: Sequence[Sequence[PicturedTurns]], embeddings: Embeddings) -> tuple[str, Mapping[str, Judged]]:
    """Why nothing is told of the delivery (else empty); and what is, of its files and of their rows."""
    rows = [row for file in files for row in file]
    owner = [(at, place) for at, file in enumerate(files) for place in range(len(file))]
    made = [
        example(n, row, embeddings) | {"provenance": {"file": f"{at}.json", "row": place}}
        for n, (row, (at, place)) in enumerate(zip(rows, owner, strict=True))
    ]
    examples = pa.Table.from_pylist(made, schema=EXAMPLES.schema)
    images = embeddings.images([row.picture for row in rows if row.picture])
    texts = embeddings.texts(set(wanted_texts(examples)))
    measures = AUDIT.measure(RowInputs(examples, images, texts, images, texts), AUDIT.settings)
    if AUDIT.suspicion is None:
        raise ValueError(f"{AUDIT.name} names no suspicion")
    chances = chances_by_unit(AUDIT.name, AUDIT.suspicion, measures.to_batches())
    likely = chances.of_examples(measures.to_batches())
    least = measures.to_pandas().groupby("file")["p_value"].min()
    names = [f"{at}.json" for at in range(len(files))]
    of_files = chances.model.chances(names, -least.reindex(names).to_numpy(np.float64))[0]
    of_rows = np.array([likely.get(f"e{n:05d}", (0.0,))[0] for n in range(len(rows))])
    slipped = np.array([any(row.faulty for row in file) for file in files])
    share = (chances.model.share, chances.model.low, chances.model.high)
    return chances.model.why, {
        "files": Judged(of_files, slipped, np.array(names), share),
        "rows": Judged(of_rows, np.array([row.faulty for row in rows]), np.array([at for at, _ in owner]), share),
    }


def main() -> None:
    parser = planted_options(__doc__)
    parser.set_defaults(shares=[0.0, 0.02, 0.05, 0.1, 0.2])
    parser.add_argument("--files", type=int, default=120)
    options: argparse.Namespace = parser.parse_args()
    if options.photos is None:
        parser.error("--photos names the folder of the photographs")
    embeddings, known = (
        Embeddings(load_encoder(EncoderSettings(model=options.model)), options.cache),
        photos(options.photos),
    )
    print(f"encoder {embeddings.encoder.identity}, seeds {options.seeds}, {options.files} files", flush=True)
    outcomes: defaultdict[str, dict[float, list[Judged]]] = defaultdict(dict)
    for share in options.shares:
        for seed in options.seeds:
            rng = Random(f"shifted files {share} {seed}")  # noqa: S311 - a seeded measurement
            shifted = set(rng.sample(range(options.files), round(share * options.files)))
            files = [rows_of_file(known, rng, shifted=at in shifted) for at in range(options.files)]
            why, by_unit = judged(files, embeddings)
            if why:
                print(f"{share:.0%}, seed {seed}: {why}", flush=True)
                continue
            for unit, one_seed in by_unit.items():
                outcomes[unit].setdefault(share, []).append(one_seed)
    for unit, by_share in outcomes.items():
        print(f"\n| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}")
        print("\n".join(row_of(unit, share, seeds) for share, seeds in by_share.items()))
        print("\n" + "\n".join(diagram(unit, [one for seeds in by_share.values() for one in seeds])))


if __name__ == "__main__":
    main()
