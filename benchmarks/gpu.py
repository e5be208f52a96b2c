"""What a GPU makes of the encoders: one table, in under 8 minutes on one card.

    sh benchmarks/gpu.sh                                    # on a machine with a GPU and PyTorch
    .venv/bin/python -m benchmarks.gpu --device cpu --models ViT-B-32 --budget 10

First the vectors are held against those of the CPU (random weights, cosine above `LEAST_COSINE`): figures of an encoder
that computes something else are worth nothing. Then, for each model:

- bare images/s on pixels in memory, at the batch from which doubling gains less than 3 %, and their share of the
  floating-point operations a second that the card gives a product of two large matrices (measured here, as no data
  sheet's figure is reached);
- the same compiled (`torch.compile`);
- texts/s;
- the whole stage from JPEG files of 640 x 480 to vectors, by worker processes that decode and the encoder here, and its
  share of min(decode, model). Where Ray is installed, `python -m benchmarks.embed rates` measures the same through the
  lake.

Decoding is measured on all cores by Pillow as the pipeline does it, and by torchvision, simplejpeg and nvJPEG where
they are there. Last, a batch that does not fit is halved and gives the same vectors (forced once, by taking the card's
memory away). `benchmarks/gpu.sh` runs this, and after it `benchmarks.likelihood`.
"""

import argparse
import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import suppress
from functools import partial
from itertools import cycle, islice
from multiprocessing import get_context
from typing import Any, Literal, cast

import numpy as np
import open_clip
import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.jpegs import photos
from resources.config.encoder_settings import EncoderSettings
from resources.models.encoder import Encoder, load_encoder
from resources.models.encoder_source import RANDOM, find_source
from resources.models.encoder_tokens import FixedTokens
from resources.models.preprocessing import Preprocessing

MODELS = ("ViT-B-32", "ViT-L-14", "ViT-SO400M-14-SigLIP")
LEAST_COSINE = 0.999
#: Files that a decode worker makes pixels of at once.
_FILES_A_TASK = 32
_TEXTS = tuple(f"{number}: a dog and a red car beside a wooden table in the picture." for number in range(2048))


def encoder_of(model: str, device: str, precision: str, *, compiled: bool = False) -> Encoder:
    """An encoder of random weights, the same on every device. Where its tokenizer lies on a hub, every text is the same
    tokens: as many as the model takes, so that its texts/s are those of the encoder without its tokenizer."""
    settings = EncoderSettings(
        model=model,
        pretrained=RANDOM,
        device=device,
        precision=cast(Literal["fp32", "bf16"], precision),
        compile=compiled,
    )
    config = open_clip.get_model_config(model) or {}
    if not config.get("text_cfg", {}).get("hf_tokenizer_name"):
        return load_encoder(settings)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        made: Any = open_clip.create_model(model, load_weights=False, precision=precision, pretrained_image=False)
    if compiled:
        made.visual = torch.compile(made.visual)
    tokens = config["text_cfg"].get("context_length", 77)
    return Encoder(
        made.eval().requires_grad_(False),
        FixedTokens(lambda texts: torch.ones((len(texts), tokens), dtype=torch.int64)),
        find_source(settings).preprocessing,
        identity=f"{model}-{RANDOM}",
        device=torch.device(device),
        precision=precision,
    )


def seconds_of(work: Callable[[], object], budget_s: float) -> float:
    """Seconds of one call, of as many as fit into the budget (at least two), after one that warms up."""
    work()
    started, calls = time.perf_counter(), 0
    while calls < 2 or time.perf_counter() - started < budget_s:
        work()
        calls += 1
    return (time.perf_counter() - started) / calls


def matrix_flops(device: str, dtype: torch.dtype, budget_s: float) -> float:
    """Floating-point operations a second of a product of two square matrices."""
    side = 8192 if device.startswith("cuda") else 1024
    left, right = (torch.randn(side, side, device=device, dtype=dtype) for _ in range(2))

    def multiply() -> None:
        for _ in range(5):
            torch.mm(left, right)
        _wait(device)

    return 5 * 2 * side**3 / seconds_of(multiply, budget_s)


def _wait(device: str) -> None:
    if device.startswith("cuda"):
        torch.cuda.synchronize()


def image_flops(encoder: Encoder) -> float:
    """Floating-point operations of one image, as PyTorch counts its products and convolutions."""
    side = encoder.preprocessing
    pixels = torch.zeros(1, 3, side.height, side.width, device=encoder.device, dtype=encoder.dtype)
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        cast(Any, encoder.model).encode_image(pixels)
    return float(counter.get_total_flops())


def best_batch(encoder: Encoder, budget_s: float) -> tuple[int, float]:
    """Images at once from which doubling gains less than 3 %, and the images a second there."""
    side = encoder.preprocessing
    best, rate, batch = 0, 0.0, 16
    while batch <= 4096:
        pixels = np.zeros((batch, side.height, side.width, 3), np.uint8)
        encoder.images_at_once = batch
        try:
            faster = batch / seconds_of(partial(_bare, encoder, pixels), budget_s / 8)
        except torch.OutOfMemoryError:
            break
        if faster < 1.03 * rate:
            break
        best, rate, batch = batch, faster, 2 * batch
    encoder.images_at_once = None
    return best, rate


def _bare(encoder: Encoder, pixels: np.ndarray) -> None:
    encoder.encode_pixels(pixels)


def decoders(preprocessing: Preprocessing) -> dict[str, Callable[[bytes], object]]:
    """What decodes a JPEG file here, by name; Pillow's is the pipeline's own, with resizing."""
    known: dict[str, Callable[[bytes], object]] = {"Pillow, resized": preprocessing.file_pixels}
    try:
        from torchvision.io import decode_jpeg

        known["torchvision"] = lambda data: decode_jpeg(torch.frombuffer(bytearray(data), dtype=torch.uint8))
    except ImportError:
        pass
    try:
        import simplejpeg

        known["simplejpeg"] = simplejpeg.decode_jpeg
    except ImportError:
        pass
    return known


def _decode(files: Sequence[bytes], preprocessing: Preprocessing, name: str) -> int:
    decode = decoders(preprocessing)[name]
    for data in files:
        decode(data)
    return len(files)


def _pixels(files: Sequence[bytes], preprocessing: Preprocessing) -> np.ndarray:
    return np.stack([preprocessing.file_pixels(data) for data in files])


def tasks_of(files: Sequence[bytes]) -> list[Sequence[bytes]]:
    return [files[at : at + _FILES_A_TASK] for at in range(0, len(files), _FILES_A_TASK)]


def decode_rates(
    pool: ProcessPoolExecutor, files: Sequence[bytes], preprocessing: Preprocessing, device: str, budget_s: float
) -> dict[str, float]:
    """Images a second on all cores, by decoder; of nvJPEG on the card."""
    rates = {
        name: _rate(
            partial(pool.map, partial(_decode, preprocessing=preprocessing, name=name)), tasks_of(files), budget_s
        )
        for name in decoders(preprocessing)
    }
    if device.startswith("cuda"):
        from torchvision.io import decode_jpeg

        raw = [torch.frombuffer(bytearray(data), dtype=torch.uint8) for data in files[:256]]
        with suppress(RuntimeError):  # A build of torchvision without it.
            rates["nvJPEG"] = len(raw) / seconds_of(lambda: (decode_jpeg(raw, device=device), _wait(device)), budget_s)
    return rates


def _rate(
    spread: Callable[[Sequence[Sequence[bytes]]], Iterator[int]], tasks: Sequence[Sequence[bytes]], budget_s: float
) -> float:
    return sum(map(len, tasks)) / seconds_of(lambda: list(spread(tasks)), budget_s)


def stage_rate(
    pool: ProcessPoolExecutor, encoder: Encoder, files: Sequence[bytes], batch: int, budget_s: float
) -> float:
    """Images a second from files to vectors: workers decode ahead while the encoder works."""
    ahead = 4 * max(1, os.cpu_count() or 1)
    work = partial(_pixels, preprocessing=encoder.preprocessing)
    tasks = cycle(tasks_of(files))
    waiting: list[Future[np.ndarray]] = [pool.submit(work, task) for task in islice(tasks, ahead)]
    for future in waiting:
        future.result()  # The workers have started.
    done, gathered, started = 0, [], time.perf_counter()
    while time.perf_counter() - started < budget_s or not done:
        gathered.append(waiting.pop(0).result())
        waiting.append(pool.submit(work, next(tasks)))
        if sum(map(len, gathered)) >= batch:
            done += len(encoder.encode_pixels(np.concatenate(gathered)))
            gathered = []
    took = time.perf_counter() - started
    for future in waiting:
        future.cancel()
    return done / took


def least_cosine(encoder: Encoder, model: str) -> float:
    """The least cosine of vectors of this encoder with those of the CPU in fp32."""
    on_cpu = encoder_of(model, "cpu", "fp32")
    rng = np.random.default_rng(0)
    side = encoder.preprocessing
    pixels = rng.integers(0, 256, (8, side.height, side.width, 3), np.uint8)
    cosines = [(encoder.encode_pixels(pixels) * on_cpu.encode_pixels(pixels)).sum(1).min()]
    cosines.append((encoder.encode_texts(_TEXTS[:8]) * on_cpu.encode_texts(_TEXTS[:8])).sum(1).min())
    return float(min(cosines))


def halved(encoder: Encoder, batch: int) -> str:
    """What came of a batch for which the card's memory was taken away: its vectors, made in halves."""
    if encoder.device.type != "cuda":
        return "out of memory: not forced on a CPU"
    side = encoder.preprocessing
    pixels = np.random.default_rng(0).integers(0, 256, (batch, side.height, side.width, 3), np.uint8)
    whole = encoder.encode_pixels(pixels)
    torch.cuda.empty_cache()
    total = torch.cuda.get_device_properties(encoder.device).total_memory
    torch.cuda.set_per_process_memory_fraction(1.1 * torch.cuda.memory_reserved(encoder.device) / total)
    try:
        parts = encoder.encode_pixels(pixels)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    cosine = float((whole * parts).sum(1).min())
    return (
        f"out of memory: forced with {batch} images, gone on with fewer; least cosine to those made whole {cosine:.5f}"
    )


def model_line(
    model: str,
    pool: ProcessPoolExecutor,
    files: Sequence[bytes],
    *,
    decode: float,
    peak: float,
    options: argparse.Namespace,
) -> str:
    """A line of the table. SystemExit where the vectors are not those of the CPU."""
    device, precision, budget = options.device, options.precision, options.budget
    encoder = encoder_of(model, device, precision)
    cosine = least_cosine(encoder, model)
    if cosine < LEAST_COSINE:
        raise SystemExit(f"{model}: vectors on {device} in {precision} have a cosine of {cosine:.4f} to the CPU's")
    batch, bare = best_batch(encoder, budget)
    some = _TEXTS[: len(files)]
    texts = len(some) / seconds_of(lambda: encoder.encode_texts(some), budget / 4)
    stage = stage_rate(pool, encoder, files, batch, budget / 2)
    figures = [f"{cosine:.4f}", str(batch), f"{bare:,.0f}", f"{bare * image_flops(encoder) / peak:.2f}"]
    compiled = best_batch(encoder_of(model, device, precision, compiled=True), budget)[1] if options.compile else 0
    figures += [f"{compiled:,.0f}" if compiled else "", f"{texts:,.0f}", f"{stage:,.0f}"]
    return f"| {model} | {' | '.join(figures)} | {stage / min(decode, bare):.2f} |"


def main() -> None:
    """Reads the command line and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--models", nargs="+", default=list(MODELS))
    parser.add_argument("--budget", type=float, default=12.0, help="seconds for each figure, about")
    parser.add_argument("--files", type=int, default=2048, help="JPEG files, and texts, that are measured on")
    options = parser.parse_args()
    options.compile = on_gpu = options.device.startswith("cuda")
    options.precision = "bf16" if on_gpu else "fp32"
    cores = len(os.sched_getaffinity(0))
    files = photos(options.files)
    peak = matrix_flops(options.device, torch.bfloat16 if on_gpu else torch.float32, 1.0)
    name = torch.cuda.get_device_name() if on_gpu else "CPU"
    print(f"{name}, {cores} cores, PyTorch {torch.__version__}, {options.precision}: {peak / 1e12:,.2f} TFLOP/s")
    prepared = find_source(EncoderSettings(model=options.models[0], pretrained=RANDOM)).preprocessing
    with ProcessPoolExecutor(cores, mp_context=get_context("spawn")) as pool:
        rates = decode_rates(pool, files, prepared, options.device, options.budget / 4)
        print("decoded images/s: " + ", ".join(f"{name} {rate:,.0f}" for name, rate in rates.items()))
        print("| model | cosine | batch | bare images/s | of peak | compiled | texts/s | stage images/s | of roof |")
        print(f"|---|{'--:|' * 8}", flush=True)
        for model in options.models:
            decode = rates["Pillow, resized"]
            print(model_line(model, pool, files, decode=decode, peak=peak, options=options), flush=True)
    print(halved(encoder_of(options.models[0], options.device, options.precision), 512), flush=True)


if __name__ == "__main__":
    main()
