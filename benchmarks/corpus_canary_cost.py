"""What canaries among the corpus cost beside its audits: processor seconds of each, on made-up rows.

    python -m benchmarks.corpus_canary_cost --examples 1000 100000

Ten drops are measured as a whole by every audit that has canaries; then those of the last drop fly, audit by audit. The
pictures' bytes are a few photographs-to-be and their hashes made up, so that only the costs say anything. The other
audits of the corpus are not run.
"""

import argparse
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pyarrow as pa

from benchmarks.corpus_night import fill, pictured
from benchmarks.jpegs import photos
from benchmarks.meter import metered
from ops.canaries.comparisons import KINDS
from ops.canaries.outcome import rules_on
from ops.core.schemas import IMAGES
from resources.config.settings import load_settings
from resources.config.spark_settings import SparkSettings
from resources.engines.spark import start_spark
from resources.lake.tables import Lake
from resources.measuring.corpus import measure_corpus
from resources.measuring.corpus_canaries import compared_audits, fly_corpus_canaries, missing_corpus_flight

_ENCODER = "made up"
_DROPS = 10
_PICTURES = 50


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--examples", type=int, nargs="+", default=[1000, 100_000])
    sizes = options.parse_args().examples
    start_spark(SparkSettings(memory="3g", shuffle_partitions=8)).range(1).count()
    # What comes first pays for what Java compiles: the smallest corpus, whose figures are not printed.
    for number, count in enumerate([min(sizes), *sizes]):
        with tempfile.TemporaryDirectory() as folder:
            costs = flown(Path(folder), count)
            if number:
                report(count, costs)
            else:
                list(costs)


def report(count: int, costs: Iterator[tuple[str, float, float]]) -> None:
    """Prints each audit's processor seconds, those of its canaries, and their ratio, as they come."""
    print(f"{count} examples: audit, whole CPU s, canaries CPU s, canaries / whole", flush=True)
    totals = [0.0, 0.0]
    for name, whole, canaries in costs:
        print(line(name, whole, canaries), flush=True)
        totals = [totals[0] + whole, totals[1] + canaries]
    print(line("all", *totals), flush=True)


def line(name: str, whole: float, canaries: float) -> str:
    return f"{name:24} {whole:8.1f} {canaries:8.1f} {canaries / whole:6.2f}"


def flown(folder: Path, count: int) -> Iterator[tuple[str, float, float]]:
    """Of each audit, the processor seconds of the whole corpus and of the last drop's canaries."""
    lake, settings = Lake(folder / "lake"), load_settings()
    names = [f"drop{number}" for number in range(_DROPS)]
    for number, name in enumerate(names):
        fill(lake, name, count // _DROPS, seed=number, corpus=count)
    images = pictured(count // 5)
    data = photos(_PICTURES)
    at = images.schema.get_field_index("bytes")
    pictures = pa.array([data[number % _PICTURES] for number in range(images.num_rows)], pa.large_binary())
    lake.append(IMAGES, lake.stage(IMAGES, images.set_column(at, "bytes", pictures), {}))
    deliveries = [f"{name}-0" for name in names]
    flight = missing_corpus_flight(lake, deliveries, settings=settings, encoder=_ENCODER)
    if flight is None:
        raise ValueError("the policy has no rule on an audit with canaries")
    for audit in compared_audits():
        measure = partial(measure_corpus, start_spark, lake, audit, settings=settings.audit(audit.name))
        with metered(folder) as whole:
            measure(deliveries=deliveries, encoder=_ENCODER)
        policy = rules_on(settings.policy, [audit], KINDS)
        own = replace(flight, deliveries=(deliveries[-1],), audits=(audit,), policy=policy, identity=audit.name)
        with metered(folder) as canaries:
            fly_corpus_canaries(start_spark, lake, own, deliveries=deliveries, settings=settings, encoder=_ENCODER)
        yield audit.name, whole.cpu_s, canaries.cpu_s


if __name__ == "__main__":
    main()
