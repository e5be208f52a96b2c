"""How well an encoder tells which text belongs to which image, on data it never saw.

    python -m benchmarks.encoder_auc --photos ../shared/data/photos
    python -m benchmarks.encoder_auc --model ViT-B-32 --pretrained laion2b_s34b_b79k

Photos: every caption against its own photo and every other one; AUC of match against random, for the raw cosine and
for the cosine less the log-mean-exp over the other photos and captions (negCLIPLoss, Wang et al., 2024), and for all
captions of a photo together. easy-VQA, test split: whole conversations, on their own image and on one drawn at random
among those that make at least one of their statements false. Intervals: 95 %, bootstrap over photos or conversations.
"""

import argparse
import json
from collections.abc import Callable
from pathlib import Path

import easy_vqa
import numpy as np

from benchmarks.mini_data import COLOURS, SHAPES, holds, words_that_hold
from benchmarks.train_mini import auc
from ops.text.statements import make_statement
from resources.config.encoder_settings import EncoderSettings
from resources.models.encoder import Encoder, load_encoder

_TEMPERATURE = 0.05


def encode(encoder: Encoder, paths: list[Path]) -> np.ndarray:
    """Vectors of image files."""
    return encoder.encode_pixels(np.stack([encoder.preprocessing.file_pixels(p.read_bytes()) for p in paths]))


def normalised(cosines: np.ndarray) -> np.ndarray:
    """(images, texts) cosines less what the image gives to other texts and the text to other images."""
    grown = np.exp(cosines / _TEMPERATURE)
    of_text = (grown.sum(0, keepdims=True) - grown) / (len(grown) - 1)
    of_image = (grown.sum(1, keepdims=True) - grown) / (grown.shape[1] - 1)
    return cosines - _TEMPERATURE * (np.log(of_text) + np.log(of_image)) / 2


def interval(measure: Callable[[np.ndarray], float], count: int, rounds: int = 1000) -> str:
    """The measure over all, and its 95 % interval over resamples of `count` units."""
    drawn = np.random.default_rng(0)
    values = [measure(drawn.integers(0, count, count)) for _ in range(rounds)]
    low, high = np.nanquantile(values, [0.025, 0.975])
    return f"{measure(np.arange(count)):.4f} [{low:.4f}, {high:.4f}]"


def match_auc(scores: np.ndarray, chosen: np.ndarray) -> float:
    """AUC of own against other; `scores` is (photos, photos, captions each), `chosen` photos, perhaps repeated."""
    part = scores[chosen][:, chosen]
    same = chosen[:, None] == chosen[None]
    own = part[np.arange(len(chosen)), np.arange(len(chosen))]
    return auc(own.ravel(), part[~same].ravel())


def measure_photos(encoder: Encoder, folder: Path) -> None:
    """Prints the AUCs on captioned photos."""
    rows = [json.loads(line) for line in (folder / "captions.jsonl").read_text("utf-8").splitlines()]
    images = encode(encoder, [folder / row["image"] for row in rows])
    texts = encoder.encode_texts([caption for row in rows for caption in row["captions"]])
    shape = (len(rows), len(rows), -1)
    cosines = images @ texts.T
    margins = normalised(cosines)
    print(f"{len(rows)} photos, {len(texts)} captions, {encoder.identity}")
    for name, scores in (
        ("cosine", cosines.reshape(shape)),
        ("normalised", margins.reshape(shape)),
        ("cosine, all captions of a photo", cosines.reshape(shape).mean(2, keepdims=True)),
        ("normalised, all captions of a photo", margins.reshape(shape).mean(2, keepdims=True)),
    ):
        print(f"  {name:36} {interval(lambda chosen, s=scores: match_auc(s, chosen), len(rows))}")


def measure_conversations(encoder: Encoder) -> None:
    """Prints the AUROC of swapped images over easy-VQA's test conversations."""
    questions, answers, ids = easy_vqa.get_test_questions()
    turns: dict[int, list[tuple[str, str]]] = {}
    for question, answer, image in zip(questions, answers, ids, strict=True):
        turns.setdefault(image, []).append((question, answer))
    words = {one: set().union(*(words_that_hold(q, a) for q, a in said)) for one, said in turns.items()}
    known = sorted(one for one in turns if words[one] & {*COLOURS} and words[one] & {*SHAPES})
    paths = easy_vqa.get_test_image_paths()
    images = dict(zip(known, encode(encoder, [Path(paths[one]) for one in known]), strict=True))
    statements = {one: [make_statement(q, a).text for q, a in turns[one]] for one in known}
    distinct = sorted({text for said in statements.values() for text in said})
    vectors = dict(zip(distinct, encoder.encode_texts(distinct), strict=True))
    among = np.exp(np.stack(list(images.values())) @ np.stack(list(vectors.values())).T / _TEMPERATURE).mean(0)
    usually = dict(zip(vectors, _TEMPERATURE * np.log(among), strict=True))
    drawn = np.random.default_rng(0)
    scores: dict[str, list[tuple[float, float]]] = {"cosine, mean": [], "normalised, mean": [], "normalised, worst": []}
    for image in known:
        false = [o for o in known if not all(holds(q, a, words[o]) for q, a in turns[image])]
        if not false:
            continue
        text = np.stack([vectors[s] for s in statements[image]])
        usual = np.array([usually[s] for s in statements[image]])
        pair = [(text @ images[o], text @ images[o] - usual) for o in (image, int(drawn.choice(false)))]
        scores["cosine, mean"].append((pair[0][0].mean(), pair[1][0].mean()))
        scores["normalised, mean"].append((pair[0][1].mean(), pair[1][1].mean()))
        scores["normalised, worst"].append((pair[0][1].min(), pair[1][1].min()))
    print(f"easy-VQA test: {len(scores['cosine, mean'])} conversations, each on its own and on a falsifying image")
    for name, pairs in scores.items():
        both = np.array(pairs)
        print(f"  {name:36} {interval(lambda c, b=both: auc(b[c, 0], b[c, 1]), len(both), 300)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, default=Path(__file__).parents[2] / "shared/data/photos")
    parser.add_argument("--model", default="mini")
    parser.add_argument("--pretrained")
    parser.add_argument("--precision", default="auto")
    asked = parser.parse_args()
    encoder = load_encoder(EncoderSettings(model=asked.model, pretrained=asked.pretrained, precision=asked.precision))
    if asked.photos.is_dir():
        measure_photos(encoder, asked.photos)
    else:
        print(f"no photos at {asked.photos}")
    measure_conversations(encoder)


if __name__ == "__main__":
    main()
