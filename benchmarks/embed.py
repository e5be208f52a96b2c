"""What embedding costs: images/s and texts/s of the whole stage, beside the bare encoder and decoding alone.

    OMP_NUM_THREADS=2 .venv/bin/python -m benchmarks.embed rates --models mini ViT-B-32 ViT-L-14
    .venv/bin/python -m benchmarks.embed batches
    .venv/bin/python -m benchmarks.embed scaled --photos ../shared/data/photos
    .venv/bin/python -m benchmarks.embed growth

`rates`: for each model (random weights but for mini), one after the other in one run, and once more in reverse order so
that a machine whose load changes treats all alike: decoding and resizing on all cores, the bare encoder on pixels and
texts in memory, and `resources.models.embedding.embed_delivery` from a lake of JPEG files of 640 x 480. The whole
stage's rate is the steady one: what is embedded between the first and the last vectors that come out, without the
start of the workers and the first batch. The roofline is 1 / (1 / decode + 1 / model) where both share the cores, and
min(decode, model) where the model has a GPU. Where other work takes the cores, wall times say little: processor seconds
of 1,000 images stand beside them, of the parts together and of the whole stage with all its processes.

`batches`: the bare encoder by images at once. `scaled`: cosines of vectors from JPEG files decoded at a reduced scale
with those of full decoding, and what that saves. `growth`: peak memory of all processes at 10,000 and at 100,000
images, with a tiny encoder.
"""

import argparse
import io
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import open_clip
import psutil
import pyarrow as pa
import ray
import torch
from PIL import Image
from safetensors.torch import save_file

from benchmarks.jpegs import photos
from benchmarks.memory import Memory
from ops.core.identity import image_id
from ops.core.schemas import EXAMPLES, IMAGES
from ops.intake.image_checks import decode_rgb
from resources.config.encoder_settings import EmbeddingSettings, EncoderSettings
from resources.engines.ray import start_ray
from resources.lake.tables import Lake
from resources.models.embedding import embed_delivery
from resources.models.encoder import Encoder, load_encoder
from resources.models.encoder_source import RANDOM, find_source
from resources.models.preprocessing import Preprocessing

#: Images and texts that each model is measured on: about half a minute on two cores.
COUNTS = {"mini": (2048, 8192), "ViT-B-32": (512, 1024), "ViT-L-14": (64, 128)}
#: A model so small that what is measured is everything else.
TINY = {
    "embed_dim": 8,
    "vision_cfg": {"image_size": 16, "layers": 1, "width": 16, "head_width": 8, "patch_size": 8},
    "text_cfg": {"context_length": 16, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1},
}
NOUNS = ("dog", "red car", "wooden table", "bus", "woman in a blue coat", "plate of food", "clock", "boat", "kite")


@dataclass(slots=True)
class Pace:
    """A progress that keeps when how many rows were done, and at what cost of all processes."""

    times: list[float] = field(default_factory=list)
    costs: list[float] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)

    @contextmanager
    def track(self, label: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
        def advance(n: int) -> None:
            self.times.append(time.perf_counter())
            self.costs.append(cpu_seconds())
            self.rows.append(n)

        yield advance

    @property
    def steady(self) -> tuple[float, float]:
        """Rows a second, and processor seconds of 1,000 rows, after the first that came; not numbers where all came at
        once."""
        if len(self.times) < 2:
            return float("nan"), float("nan")
        rows = sum(self.rows[1:])
        return rows / (self.times[-1] - self.times[0]), 1000 * (self.costs[-1] - self.costs[0]) / rows


def cpu_seconds() -> float:
    """Processor seconds of this process and its children so far."""
    total = 0.0
    for process in [psutil.Process(), *psutil.Process().children(recursive=True)]:
        with suppress(psutil.Error):
            times = process.cpu_times()
            total += times.user + times.system
    return total


def sentences(count: int) -> list[str]:
    """Distinct statements of 8 to 17 words."""
    drawn = np.random.default_rng(1)
    return [
        f"{n}: there is a {' and a '.join(drawn.choice(NOUNS, size=drawn.integers(2, 5)))} in the picture."
        for n in range(count)
    ]


def fill(lake: Lake, pictures: Sequence[bytes], texts: Sequence[str]) -> None:
    """One delivery that shows the pictures and says the texts."""
    ids = [image_id(data) for data in pictures]
    for at in range(0, len(ids), 4096):
        stored = [
            {"image_id": i, "bytes": b} for i, b in zip(ids[at : at + 4096], pictures[at : at + 4096], strict=True)
        ]
        staged = lake.stage(IMAGES, pa.Table.from_pylist(stored, schema=IMAGES.schema), {})
        lake.append(IMAGES, staged)
    rows = [
        {
            "delivery": "bench",
            "image_ids": ids[n : n + 1],
            "messages": [{"role": "assistant", "parts": [{"type": "text", "text": text, "image_id": None}]}],
        }
        for n, text in enumerate([*texts, *[""] * (len(ids) - len(texts))])
    ]
    examples = pa.Table.from_pylist(rows, schema=EXAMPLES.schema)
    lake.write(EXAMPLES, examples, partition={"delivery": "bench"}, once="bench")


def texts_of(examples: pa.Table) -> list[str]:
    """The texts of the examples, those that say nothing left out."""
    texts = [m["parts"][0]["text"] for turns in examples["messages"].to_pylist() for m in turns or ()]
    return [text for text in texts if text]


def stage_rate(
    settings: EncoderSettings, pictures: Sequence[bytes], texts: Sequence[str], batch: int
) -> tuple[float, float]:
    """`Pace.steady` of the whole stage on a lake of its own."""
    pace = Pace()
    with tempfile.TemporaryDirectory(prefix="assay-bench-") as folder:
        lake = Lake(Path(folder))
        fill(lake, pictures, texts)
        embedding = EmbeddingSettings(image_batch=batch, text_batch=batch)
        embed_delivery(lake, "bench", texts=texts_of, settings=settings, embedding=embedding, progress=pace)
    return pace.steady


_files: list[bytes] = []


def _take_files(files: list[bytes]) -> None:
    _files.extend(files)


def _decode(rows: range, preprocessing: Preprocessing) -> int:
    return sum(preprocessing.file_pixels(_files[row]).size > 0 for row in rows)


def decode_rate(pictures: Sequence[bytes], preprocessing: Preprocessing, cores: int) -> float:
    """Images a second, decoded and resized on all cores."""
    some = list(pictures[:512])
    pool = ProcessPoolExecutor(cores, mp_context=get_context("spawn"), initializer=_take_files, initargs=(some,))
    with pool:
        parts = [range(at, min(at + 16, len(some))) for at in range(0, len(some), 16)]
        work = partial(_decode, preprocessing=preprocessing)
        list(pool.map(work, parts[: 2 * cores]))
        started = time.perf_counter()
        done = sum(pool.map(work, parts * 3))
        return done / (time.perf_counter() - started)


def bare_rates(encoder: Encoder, pictures: Sequence[bytes], texts: Sequence[str]) -> tuple[float, float]:
    """Images and texts a second of the encoder alone, on what is in memory."""
    pixels = np.stack([encoder.preprocessing.file_pixels(data) for data in pictures[:256]])
    some = list(texts[:1024])
    encoder.encode_pixels(pixels[:4])
    return len(pixels) / seconds(lambda: encoder.encode_pixels(pixels)), len(some) / seconds(
        lambda: encoder.encode_texts(some)
    )


def part_costs(encoder: Encoder, pictures: Sequence[bytes]) -> float:
    """Processor seconds of 1,000 images decoded and encoded in this process."""
    started = time.process_time()
    pixels = np.stack([encoder.preprocessing.file_pixels(data) for data in pictures[:128]])
    encoder.encode_pixels(pixels)
    return 1000 * (time.process_time() - started) / len(pixels)


def seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def rates(models: Sequence[str], scale: float) -> None:
    """Prints a line a model."""
    cores = max(1, int(ray.cluster_resources().get("CPU", 1)))
    torch.set_num_threads(cores)
    heads = ("decode images/s", "bare images/s", "stage images/s", "of the roofline", "bare texts/s", "stage texts/s")
    print(f"| model | {' | '.join(heads)} | of bare |\n|---|{'--:|' * (len(heads) + 1)}")
    for model in models:
        settings = EncoderSettings(model=model, pretrained=None if model == "mini" else RANDOM)
        images, lines = (max(8, round(scale * n)) for n in COUNTS.get(model, COUNTS["ViT-B-32"]))
        pictures, texts = photos(images), sentences(lines)
        batch = min(32, max(1, images // 4))
        encoder = load_encoder(settings)
        on_cpu = encoder.device.type == "cpu"
        prepared = find_source(settings).preprocessing
        decode, image_rate, text_rate = decode_rate(pictures, prepared, cores), *bare_rates(encoder, pictures, texts)
        parts = part_costs(encoder, pictures)
        of_images, cost = stage_rate(settings, pictures, [], batch)
        of_texts, _ = stage_rate(settings, [], texts, min(128, max(1, lines // 4)))
        parts = (parts + part_costs(encoder, pictures)) / 2
        shown_again, told_again = bare_rates(encoder, pictures, texts)
        decode = (decode + decode_rate(pictures, prepared, cores)) / 2
        image_rate, text_rate = (image_rate + shown_again) / 2, (text_rate + told_again) / 2
        roof = 1 / (1 / decode + 1 / image_rate) if on_cpu else min(decode, image_rate)
        figures = [f"{decode:.0f}", f"{image_rate:.1f}", f"{of_images:.1f}", f"{of_images / roof:.2f}"]
        figures += [f"{text_rate:.0f}", f"{of_texts:.0f}", f"{of_texts / text_rate:.2f}"]
        print(f"| {encoder.identity} | {' | '.join(figures)} |")
        print(
            f"processor seconds of 1,000 images: the parts {parts:.1f}, the stage {cost:.1f}; load "
            f"{os.getloadavg()[0]:.1f}, {cores} cores, {encoder.device}",
            flush=True,
        )


def batches(models: Sequence[str]) -> None:
    """The bare encoders by images at once and by threads; the order is turned round each time."""
    for model in models:
        _batches(model)


def _batches(model: str) -> None:
    encoder = load_encoder(EncoderSettings(model=model, pretrained=None if model == "mini" else RANDOM))
    pixels = np.stack([encoder.preprocessing.file_pixels(data) for data in photos(64)])
    sizes = [1, 2, 4, 8, 16, 32, 64]
    for threads in sorted({1, torch.get_num_threads()}):
        torch.set_num_threads(threads)
        best = dict.fromkeys(sizes, 0.0)
        for order in (sizes, sizes[::-1], sizes, sizes[::-1]):
            for size in order:
                encoder.images_at_once = size
                took = seconds(lambda: encoder.encode_pixels(pixels))
                best[size] = max(best[size], len(pixels) / took)
        rates_told = ", ".join(f"{size}: {rate:.0f}" for size, rate in best.items())
        print(f"{encoder.identity}, {threads} threads, best images/s by images at once: {rates_told}", flush=True)


def scaled(folder: Path) -> None:
    """A table of cosines of vectors from JPEG files decoded at a half and a quarter with those from whole ones, by how
    many times the encoder's side is left, and of the time that decoding and resizing take."""
    encoder = load_encoder(EncoderSettings())
    prepared = encoder.preprocessing
    tiles = [Image.open(path).convert("RGB") for path in sorted((folder / "images").glob("*.jpg"))]
    print("| left, times the side | decoded at 1 / | photos a file | files | least cosine | ms whole | ms scaled |")
    print(f"|{'--:|' * 7}")
    for left in (1, 2, 3, 4, 6):
        for by in (2, 4):
            for across in (1, 3):
                data = mosaics(tiles, left * by * prepared.height, across)
                whole, long = _resized(data, lambda image: prepared.pixels(decode_rgb(image)))
                part, short = _resized(data, partial(prepared.file_pixels, sides=left))
                cosine = (encoder.encode_pixels(whole) * encoder.encode_pixels(part)).sum(axis=1).min()
                print(
                    f"| {left} | {by} | {across**2} | {len(data)} | {cosine:.4f} | {long:.1f} | {short:.1f} |",
                    flush=True,
                )


def _resized(data: Sequence[bytes], pixels_of: Callable[[bytes], np.ndarray]) -> tuple[np.ndarray, float]:
    """The encoder's pixels of each, and the milliseconds of one."""
    started = time.process_time()
    pixels = np.stack([pixels_of(one) for one in data])
    return pixels, 1000 * (time.process_time() - started) / len(data)


def mosaics(tiles: Sequence[Image.Image], height: int, across: int) -> list[bytes]:
    """JPEG files of that height (4:3), each of `across` by `across` photos; as many as the photos fill, at most 24."""
    width, count = height // 3 * 4, across**2
    size = -(-width // across), -(-height // across)
    made: list[bytes] = []
    for first in range(0, len(tiles), count)[:24]:
        whole = Image.new("RGB", (width, height))
        for place in range(count):
            tile = tiles[(first + place) % len(tiles)].resize(size, Image.Resampling.LANCZOS)
            whole.paste(tile, (size[0] * (place % across), size[1] * (place // across)))
        out = io.BytesIO()
        whole.save(out, "JPEG", quality=92)
        made.append(out.getvalue())
    return made


def growth(sizes: Sequence[int]) -> None:
    """Peak memory of all processes, by images."""
    with tempfile.TemporaryDirectory(prefix="assay-bench-") as folder:
        settings = EncoderSettings(model=f"local-dir:{write_tiny(Path(folder))}", device="cpu")
        peaks: list[float] = []
        for size in (1000, *sizes):  # the first starts the workers
            lake = Lake(Path(folder) / f"lake-{size}")
            fill(lake, dots(size), [])
            started = time.perf_counter()
            with Memory() as memory:
                embed_delivery(
                    lake, "bench", texts=texts_of, settings=settings, embedding=EmbeddingSettings(), progress=Pace()
                )
            peaks.append(memory.start_mb + memory.peak_mb)
            rate = size / (time.perf_counter() - started)
            print(f"{size} images: peak {peaks[-1]:.0f} MB of all processes, {rate:.0f} images/s", flush=True)
        print(f"{sizes[-1]} images take {peaks[-1] / peaks[1]:.2f} times the memory of {sizes[0]}")


def dots(count: int) -> list[bytes]:
    """Distinct PNG files of 16 x 16 pixels."""
    files: list[bytes] = []
    for number in range(count):
        pixels = np.zeros((16, 16, 3), np.uint8)
        pixels.reshape(-1)[:24] = [255 * (number >> bit & 1) for bit in range(24)]
        out = io.BytesIO()
        Image.fromarray(pixels).save(out, "PNG")
        files.append(out.getvalue())
    return files


def write_tiny(folder: Path) -> Path:
    """A folder with a tiny open_clip model of random weights."""
    weights = {name: value.contiguous() for name, value in open_clip.CLIP(**TINY).state_dict().items()}
    save_file(weights, folder / "open_clip_model.safetensors")
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": TINY, "preprocess_cfg": {}}))
    return folder


def main() -> None:
    """Reads the command line and runs what it names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="+", choices=["rates", "batches", "scaled", "growth"])
    parser.add_argument("--models", nargs="+", default=["mini"])
    parser.add_argument("--scale", type=float, default=1.0, help="multiplies how many images and texts are measured")
    parser.add_argument("--photos", type=Path, default=Path("../shared/data/photos"))
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000])
    options = parser.parse_args()
    if {"rates", "growth"} & set(options.parts):
        start_ray(object_store_bytes=500_000_000)
    parts: dict[str, Callable[[], None]] = {
        "rates": lambda: rates(options.models, options.scale),
        "batches": lambda: batches(options.models),
        "scaled": lambda: scaled(options.photos),
        "growth": lambda: growth(options.sizes),
    }
    for part in options.parts:
        print(f"-- {part}", flush=True)
        parts[part]()


if __name__ == "__main__":
    main()
