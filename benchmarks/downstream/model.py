"""A vision-language model of 0.2 million weights that learns on one core in seconds.

What the frozen image tower of the mini encoder pools of a picture (336 activations of its first stages) and a question,
read as its words and pairs of words, are joined by an MLP; each word of the answer follows from that, from the word
before it and from its place. A row without a picture has zeros instead of one. All that is learnt is learnt here: of
the encoder's heads, which know easy-VQA, nothing is used.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.mini_data import features
from resources.models.preprocessing import Preprocessing

PAD, START, END, UNKNOWN = range(4)
WIDTH = 96
QUESTION_WORDS, ANSWER_WORDS = 20, 8
_WORD = re.compile(r"[^\W\d]+|\d|[^\w\s]")


class Vocabulary:
    """Numbers of the words of answers, those that it has not being one, and of questions; `questions` (n, 2 most) are
    those as words and pairs of words, of which 0 is none."""

    def __init__(self, asked: Sequence[str], answers: Iterable[str], *, most: int = QUESTION_WORDS) -> None:
        written = sorted({word for text in set(answers) for word in words(text)})
        self.words = ["<pad>", "<start>", "<end>", "<unknown>", *written]
        self.places = {word: at for at, word in enumerate(self.words)}
        distinct = sorted(set(asked))
        texts = [grams(text)[: 2 * most] for text in distinct]
        self.grams = {gram: at + 1 for at, gram in enumerate(sorted({gram for text in texts for gram in text}))}
        self.questions = torch.full((len(distinct), 2 * most), PAD)
        for at, text in enumerate(texts):
            self.questions[at, : len(text)] = torch.tensor([self.grams[gram] for gram in text])
        self.asked = {question: at for at, question in enumerate(distinct)}

    def encode(self, texts: Sequence[str], most: int, *, end: bool = False) -> Tensor:
        """(n, most) numbers of words, cut and padded."""
        rows = torch.full((len(texts), most), PAD)
        for at, text in enumerate(texts):
            numbers = [self.places.get(word, UNKNOWN) for word in words(text)]
            numbers = [*numbers[: most - 1], END] if end else numbers[:most]
            rows[at, : len(numbers)] = torch.tensor(numbers, dtype=torch.long)
        return rows

    def decode(self, rows: Tensor) -> list[str]:
        """The words before the end, joined by spaces."""
        texts: list[str] = []
        for row in rows.tolist():
            kept = row[: row.index(END)] if END in row else row
            texts.append(" ".join(self.words[at] for at in kept if at != PAD))
        return texts


def words(text: str) -> list[str]:
    """The words, figures and signs of a text, in lower case."""
    return [str(word) for word in _WORD.findall(text.lower())]


def grams(text: str) -> list[str]:
    """The words of a text, and its pairs of words."""
    read = words(text)
    return [*read, *(f"{a} {b}" for a, b in pairwise(read))]


class Sights:
    """What the frozen tower pools of pictures, kept in a file; row 0 is no picture."""

    def __init__(self, file: Path, paths: Iterable[Path]) -> None:
        wanted = sorted(set(paths))
        names = [str(path) for path in wanted]
        if file.exists() and (stored := np.load(file))["names"].tolist() == names:
            pooled = stored["pooled"]
        else:
            prepare = Preprocessing()
            pixels: list[np.ndarray] = []
            for path in wanted:
                with Image.open(path) as image:
                    pixels.append(prepare.pixels(image.convert("RGB")))
            pooled = features(pixels)[1].numpy()
            np.savez(file, names=np.array(names), pooled=pooled)
        standard = (pooled - pooled.mean(0)) / (pooled.std(0) + 1e-3)
        self.vectors = torch.from_numpy(np.concatenate([np.zeros_like(standard[:1]), standard])).float().clamp(-6, 6)
        self.places = {path: at + 1 for at, path in enumerate(wanted)}

    def place(self, path: Path | None) -> int:
        """The picture's row."""
        return 0 if path is None else self.places[path]


@dataclass(frozen=True, slots=True)
class Turns:
    """Questions and answers as numbers: `questions` (n) rows of `Vocabulary.questions`, `answers` (n, ANSWER_WORDS)
    that end with END, `pictures` (n) rows of `Sights.vectors`."""

    questions: Tensor
    answers: Tensor
    pictures: Tensor

    def at(self, rows: Tensor) -> "Turns":
        return Turns(self.questions[rows], self.answers[rows], self.pictures[rows])


class Model(nn.Module):
    """Question and picture in, answer out."""

    def __init__(self, vocabulary: Vocabulary, vectors: Tensor) -> None:
        super().__init__()
        self.questions, self.vectors = vocabulary.questions, vectors
        self.reader = nn.EmbeddingBag(len(vocabulary.grams) + 1, WIDTH, mode="mean", padding_idx=0)
        self.after = nn.Sequential(nn.Linear(WIDTH, WIDTH), nn.GELU())
        self.looker = nn.Sequential(nn.Linear(vectors.shape[1], WIDTH), nn.GELU(), nn.Linear(WIDTH, WIDTH))
        self.join = nn.Sequential(nn.Linear(3 * WIDTH, WIDTH), nn.GELU(), nn.Linear(WIDTH, WIDTH))
        self.before = nn.Embedding(len(vocabulary.words), WIDTH)
        self.place = nn.Embedding(ANSWER_WORDS, WIDTH)
        self.out = nn.Sequential(nn.Linear(WIDTH, WIDTH), nn.GELU(), nn.Linear(WIDTH, len(vocabulary.words)))

    def start(self, questions: Tensor, pictures: Tensor) -> Tensor:
        """What the answer is written from (n, WIDTH)."""
        asked, back = torch.unique(questions, return_inverse=True)
        read = self.after(self.reader(self.questions[asked]))[back]
        pictured, where = torch.unique(pictures, return_inverse=True)
        looked = (self.looker(self.vectors[pictured]) * (pictured > 0)[:, None])[where]
        return self.join(torch.cat([read, looked, read * looked], 1))

    def log_probabilities(self, turns: Turns, *, pictures: Tensor | None = None) -> Tensor:
        """Log-probability of each word of the answers (n, longest), 0 after their end."""
        longest = int((turns.answers != PAD).sum(1).max())
        answers = turns.answers[:, :longest]
        start = self.start(turns.questions, turns.pictures if pictures is None else pictures)
        before = functional.pad(answers[:, :-1], (1, 0), value=START)
        is_word = answers != PAD
        states = start[:, None] + self.before(before) + self.place.weight[:longest]
        logits = self.out(states[is_word])
        losses = functional.cross_entropy(logits, answers[is_word], reduction="none")
        return torch.zeros(answers.shape).masked_scatter(is_word, -losses)

    @torch.no_grad()
    def write(self, questions: Tensor, pictures: Tensor, *, gen: torch.Generator | None = None) -> Tensor:
        """Answers (n, ANSWER_WORDS): the likeliest word each time, or drawn with `gen`."""
        start = self.start(questions, pictures)
        last = torch.full((len(start), 1), START)
        done = torch.zeros(len(start), dtype=torch.bool)
        written = torch.full((len(start), ANSWER_WORDS), PAD)
        for at in range(ANSWER_WORDS):
            logits = self.out(start + self.before(last[:, 0]) + self.place.weight[at])
            logits[:, [PAD, START]] = -torch.inf
            drawn = logits.softmax(-1).multinomial(1, generator=gen) if gen else logits.argmax(-1, keepdim=True)
            last = drawn.masked_fill(done[:, None], PAD)
            written[:, at] = last[:, 0]
            done |= last[:, 0] == END
            if done.all():
                break
        return written
