"""What ingest costs: rows/s and images/s by format, growth, memory, and the decoders and array readers compared.

    .venv/bin/python -m benchmarks.ingest decoders arrays
    .venv/bin/python -m benchmarks.ingest formats --rows 20000
    .venv/bin/python -m benchmarks.ingest growth --rows 10000 100000 1000000
    .venv/bin/python -m benchmarks.ingest images --images 5000 50000
    .venv/bin/python -m benchmarks.ingest stream --megabytes 5000

Each part runs whole drops through `resources.intake.ingest.ingest` on a local Ray with two cores, after one small drop
that starts the workers. Seconds are of the wall; the machine's load is printed beside them. Memory is the proportional
set size of this process and of Ray's workers, sampled every 50 ms, above what they took before the drop.
"""

import argparse
import csv
import io
import json
import math
import os
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ijson
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import simplejpeg
from PIL import Image

from benchmarks.memory import Memory
from ops.formats.containers import json_array
from ops.formats.containers.contract import Limits
from ops.intake.drop_files import DropFiles
from ops.intake.image_checks import check_image
from ops.intake.rows import IngestSettings
from resources.engines.progress import SilentProgress
from resources.engines.ray import start_ray
from resources.intake.ingest import ingest
from resources.lake.tables import Lake

ANSWER = "The picture shows a small red square on a table beside a window, and nothing else of note. "


def row(number: int, image: str | None = None) -> dict[str, Any]:
    question = f"{'<image>' + chr(10) if image else ''}What is shown in picture {number}?"
    turns = [{"from": "human", "value": question}, {"from": "gpt", "value": f"{number}: {ANSWER * 4}"}]
    return {"id": f"row-{number}", "conversations": turns} | ({"image": image} if image else {})


def rows(count: int) -> Iterator[dict[str, Any]]:
    return (row(number) for number in range(count))


def write_array(path: Path, count: int) -> None:
    with path.open("w") as out:
        for number, item in enumerate(rows(count)):
            out.write(("," if number else "[") + "\n" + json.dumps(item))
        out.write("]")


def write_lines(path: Path, count: int) -> None:
    with path.open("w") as out:
        out.writelines(json.dumps(item) + "\n" for item in rows(count))


def write_parquet(path: Path, count: int) -> None:
    pairs = [{"prompt": f"What is {n}?", "chosen": f"{n} {ANSWER}", "rejected": f"no {ANSWER}"} for n in range(count)]
    pq.write_table(pa.Table.from_pylist(pairs), path, row_group_size=2000)


def write_arrow(path: Path, count: int) -> None:
    table = pa.Table.from_pylist(list(rows(count)))
    with pa.ipc.new_stream(str(path), table.schema) as writer:
        writer.write_table(table, max_chunksize=1000)


def pictures(count: int) -> Iterator[bytes]:
    """Distinct JPEG files of 320 x 240 pixels, about 15 kB: one noisy picture with a number burnt into its corner."""
    noise = np.random.default_rng(0).integers(0, 255, (30, 40, 3), np.uint8)
    base = np.array(Image.fromarray(noise).resize((320, 240), Image.Resampling.BICUBIC))
    for number in range(count):
        bits = np.array([number >> shift & 1 for shift in range(20)], np.uint8) * 255
        base[:8, :160] = bits.repeat(8)[None, :, None]
        out = io.BytesIO()
        Image.fromarray(base).save(out, "JPEG", quality=85)
        yield out.getvalue()


def write_folder(folder: Path, count: int) -> None:
    (folder / "images").mkdir()
    names = []
    for number, data in enumerate(pictures(count)):
        names.append(f"{number:06d}.jpg")
        (folder / "images" / names[-1]).write_bytes(data)
    (folder / "rows.json").write_text(json.dumps([row(n, name) for n, name in enumerate(names)]))


def write_tar(path: Path, count: int) -> None:
    with tarfile.open(path, "w") as archive:
        for number, data in enumerate(pictures(count)):
            for name, body in ((f"{number:06d}.jpg", data), (f"{number:06d}.txt", f"{number} {ANSWER}".encode())):
                info = tarfile.TarInfo(name)
                info.size = len(body)
                archive.addfile(info, io.BytesIO(body))


def write_captions(folder: Path, count: int) -> None:
    write_folder(folder, count)
    (folder / "rows.json").unlink()
    with (folder / "captions.csv").open("w", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["image", "caption"])
        writer.writerows([f"images/{number:06d}.jpg", f"{number} {ANSWER}"] for number in range(count))


@contextmanager
def scratch() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="assay-bench-") as name:
        yield Path(name)


def take(label: str, write: Callable[[Path], None], unit: str) -> tuple[int, float]:
    """Writes a drop, takes it in, prints a line; rows and seconds."""
    with scratch() as folder:
        (folder / "drop").mkdir()
        write(folder / "drop")
        megabytes = sum(path.stat().st_size for path in (folder / "drop").rglob("*")) / 1e6
        started = time.monotonic()
        with Memory() as memory:
            delivery = ingest(
                Lake(folder / "lake"), folder / "drop", "bench", settings=IngestSettings(), progress=SilentProgress()
            )
        seconds = time.monotonic() - started
        assert delivery.rows_quarantined == 0
        print(
            f"{label:<34}{delivery.rows_in:>9} {unit:<7}{megabytes:>9.1f} MB{seconds:>9.1f} s"
            f"{delivery.rows_in / seconds:>9.0f} {unit}/s{memory.peak_mb:>9.0f} MB peak, load {os.getloadavg()[0]:.1f}",
            flush=True,
        )
        return delivery.rows_in, seconds


def warm() -> None:
    start_ray(num_cpus=2, object_store_bytes=300_000_000)
    take("(workers start)", lambda drop: write_folder(drop, 50), "rows")


def formats(count: int) -> None:
    warm()
    take("LLaVA JSON array", lambda d: write_array(d / "rows.json", count), "rows")
    take("LLaVA JSON lines", lambda d: write_lines(d / "rows.jsonl", count), "rows")
    take("preference pairs in Parquet", lambda d: write_parquet(d / "rows.parquet", count), "rows")
    take("conversations in Arrow", lambda d: write_arrow(d / "rows.arrow", count), "rows")
    images = max(1, count // 10)
    take("LLaVA JSON and image folder", lambda d: write_folder(d, images), "images")
    take("captions CSV and image folder", lambda d: write_captions(d, images), "images")
    take("WebDataset tar", lambda d: write_tar(d / "rows.tar", images), "images")


def growth(sizes: list[int], write: Callable[[Path, int], None], unit: str) -> None:
    warm()
    points = [take(f"{size} {unit}", lambda d, size=size: write(d, size), unit) for size in sizes]
    (n, s), (m, t) = points[0], points[-1]
    if m > n:
        print(f"growth exponent {math.log(t / s) / math.log(m / n):.2f} (1 is linear)")


def stream(megabytes: int) -> None:
    warm()
    per_row = len(json.dumps(row(1_000_000))) + 2
    take(
        f"JSON array of {megabytes} MB",
        lambda d: write_array(d / "rows.json", megabytes * 1_000_000 // per_row),
        "rows",
    )


def decoders() -> None:
    """Images a second on one core, of the photos beside the repository where they are, else of made-up pictures."""
    import torch
    from torchvision.io import decode_jpeg

    torch.set_num_threads(1)
    photos = sorted((Path(__file__).parents[2] / "shared/data/photos/images").glob("*.jpg"))
    data = [path.read_bytes() for path in photos] or list(pictures(50))
    ways: dict[str, Callable[[bytes], object]] = {
        "Pillow, full": lambda b: Image.open(io.BytesIO(b)).load(),
        "Pillow, scaled": pillow_scaled,
        "torchvision, full": lambda b: decode_jpeg(torch.frombuffer(bytearray(b), dtype=torch.uint8)),
        "simplejpeg (turbojpeg), full": simplejpeg.decode_jpeg,
        "simplejpeg (turbojpeg), scaled": lambda b: simplejpeg.decode_jpeg(b, "GRAY", min_height=64, min_width=64),
        "check_image (scaled, and hash)": lambda b: check_image(b, IngestSettings()),
    }
    for name, way in ways.items():
        way(data[0])
        best = min(_seconds(lambda way=way: [way(item) for item in data]) for _ in range(5))
        print(f"{name:<34}{len(data) / best:>9.0f} images/s")


def pillow_scaled(data: bytes) -> None:
    image = Image.open(io.BytesIO(data))
    image.draft("L", (64, 64))
    image.load()


def arrays() -> None:
    """MB a second through a JSON array: the splitter and orjson against ijson."""
    with scratch() as folder:
        write_array(folder / "rows.json", 50_000)
        size = (folder / "rows.json").stat().st_size / 1e6
        files, limits = DropFiles(str(folder)), Limits(32 << 20, 200)
        shards = json_array.CONTAINER.split(files, "rows.json", 16 << 20, limits)
        split = _seconds(lambda: json_array.CONTAINER.split(files, "rows.json", 16 << 20, limits))
        read = _seconds(lambda: [sum(1 for _ in json_array.CONTAINER.read(files, s, limits)) for s in shards])

        def parse() -> None:
            with (folder / "rows.json").open("rb") as source:
                assert sum(1 for _ in ijson.items(source, "item")) == 50_000

        print(f"find shards{size / split:>12.0f} MB/s\nread records{size / read:>11.0f} MB/s")
        print(f"ijson ({ijson.backend}){size / _seconds(parse):>11.0f} MB/s")


def _seconds(work: Callable[[], object]) -> float:
    """Processor seconds, which other work on the machine stretches less than those of the wall."""
    started = time.process_time()
    work()
    return time.process_time() - started


def main() -> None:
    """Reads the command line and runs what it names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="+", choices=["decoders", "arrays", "formats", "growth", "images", "stream"])
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--images", type=int, nargs="+", default=[1000, 5000])
    parser.add_argument("--megabytes", type=int, default=1000)
    options = parser.parse_args()
    parts: dict[str, Callable[[], None]] = {
        "decoders": decoders,
        "arrays": arrays,
        "formats": lambda: formats(options.rows[0]),
        "growth": lambda: growth(options.rows, lambda d, n: write_lines(d / "rows.jsonl", n), "rows"),
        "images": lambda: growth(options.images, write_folder, "images"),
        "stream": lambda: stream(options.megabytes),
    }
    for part in options.parts:
        print(f"-- {part}")
        parts[part]()


if __name__ == "__main__":
    main()
