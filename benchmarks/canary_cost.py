"""What the canaries of a delivery cost beside its other work, in seconds of the processor.

    python -m benchmarks.canary_cost --rows 2500 --pictures 600

A made-up drop (noisy pictures; captions, questions of colours, numbers and things, boxes) is read, embedded and
measured without canaries; then its canaries alone are flown, the lake having all else. Canaries are made of 2,000 rows
at most, so that they cost as much on any larger delivery, while all else grows with its rows: the share at other sizes
is told from that, and said to be. Ray is started before anything is counted; the starts of encoders are counted.
"""

import argparse
import json
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np

from benchmarks.jpegs import photos
from benchmarks.meter import Cost, metered
from resources.config.settings import load_settings
from resources.engines.progress import SilentProgress
from resources.engines.ray import start_ray
from resources.intake.ingest import ingest
from resources.lake.tables import Lake
from resources.measuring.delivery import measure_delivery
from resources.measuring.examples import wanted_texts
from resources.measuring.recorded import row_audits
from resources.models.embedding import embed_delivery
from resources.models.encoder_source import encoder_identity

_COLOURS = ("red", "blue", "green", "yellow", "black", "white", "brown", "pink")
_THINGS = ("dog", "car", "boat", "lamp", "chair", "kite", "clock", "bus", "tree", "cup", "door", "tower")
_NUMBERS = ("two", "three", "four", "five", "six")
_PLACES = ("by the river", "in a street", "on the grass", "near a wall", "under the bridge", "at the market")
_SIZES = (100_000,)
Choice = TypeVar("Choice")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rows", type=int, default=2500)
    options.add_argument("--pictures", type=int, default=600)
    given = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="assay-bench-") as scratch:
        folder = Path(scratch)
        made(folder / "drop", given.rows, given.pictures)
        start_ray()
        costs = flown(folder)
    work = sum(cost.cpu_s for name, cost in costs.items() if name != "canaries")
    for name, cost in costs.items():
        print(f"{name:<9} {cost.wall_s:7.1f} s by the clock {cost.cpu_s:7.1f} s of processors")
    canaries = costs["canaries"].cpu_s
    print(f"at {given.rows:,} rows canaries are {canaries / (canaries + work):.1%} of the work")
    for size in _SIZES:
        whole = work * size / given.rows
        print(f"at {size:,} rows, with all else as much a row: {canaries / (canaries + whole):.2%}")


def flown(folder: Path) -> dict[str, Cost]:
    """The cost of each step."""
    lake, settings, progress = Lake(folder / "lake"), load_settings(), SilentProgress()
    costs: dict[str, Cost] = {}

    def counted(name: str, step: Callable[[], object]) -> None:
        with metered(folder) as costs[name]:
            step()

    arrived: list[str] = []
    counted(
        "ingest",
        lambda: arrived.append(
            ingest(lake, folder / "drop", "made", settings=settings.ingest, progress=progress).delivery
        ),
    )
    words = {"settings": settings.encoder, "embedding": settings.embedding, "progress": progress}
    counted("embed", partial(embed_delivery, lake, arrived[0], texts=partial(wanted_texts, lake), **words))
    names = [audit.name for audit in row_audits()]
    encoder = encoder_identity(settings.encoder)
    measure = partial(measure_delivery, lake, arrived[0], names=names, settings=settings, encoder=encoder)
    counted("measure", partial(measure, progress=progress, canaries=False))
    counted("canaries", partial(measure, progress=progress))
    return costs


def made(folder: Path, rows: int, pictures: int) -> None:
    """A drop of so many rows about so many pictures."""
    (folder / "images").mkdir(parents=True)
    for number, data in enumerate(photos(pictures)):
        (folder / f"images/{number}.jpg").write_bytes(data)
    drawn = np.random.default_rng(0)
    lines = [_row(drawn, number, number % pictures) for number in range(rows)]
    (folder / "rows.json").write_text(json.dumps(lines))


def _pick(drawn: np.random.Generator, choices: Sequence[Choice]) -> Choice:
    return choices[int(drawn.integers(len(choices)))]


def _row(drawn: np.random.Generator, number: int, picture: int) -> dict[str, object]:
    thing, colour, place = _pick(drawn, _THINGS), _pick(drawn, _COLOURS), _pick(drawn, _PLACES)
    left, top = int(drawn.integers(300)), int(drawn.integers(200))
    box = json.dumps([{"bbox_2d": [left, top, left + int(drawn.integers(40, 300)), top + 90], "label": thing}])
    query, answer = _pick(
        drawn,
        (
            (f"Describe picture {number}.", f"A {colour} {thing} {place}, with a {_pick(drawn, _THINGS)} behind it."),
            (f"What color is the {thing} {place}?", colour),
            (f"How many things are {place}?", _pick(drawn, _NUMBERS)),
            (f"What stands {place}?", f"a {thing}"),
            (f"Is there a {thing} {place}?", _pick(drawn, ("yes", "no"))),
            (f"Where is the {thing}?", box),
        ),
    )
    turns = [{"from": "human", "value": f"<image>\n{query}"}, {"from": "gpt", "value": answer}]
    return {"id": f"row-{number}", "image": f"images/{picture}.jpg", "conversations": turns}


if __name__ == "__main__":
    main()
