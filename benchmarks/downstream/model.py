"""A vision-language model of 0.2 million weights that learns on one core in seconds.

What the frozen image tower of the mini encoder pools of a picture (336 activations of its first stages) and a question,
read by a convolution over its words, start a GRU that writes the answer word by word. A row without a picture has zeros
in its place. All that is learnt is learnt here: of the encoder's heads, which know easy-VQA, nothing is used.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.mini_data import features
from resources.models.preprocessing import Preprocessing

PAD, START, END, UNKNOWN = range(4)
WIDTH, EMBEDDED = 96, 48
QUESTION_WORDS, ANSWER_WORDS = 20, 8
_WORD = re.compile(r"\w+|[^\w\s]")


class Vocabulary:
    """Numbers of words, those that it has not being one, and of questions; `questions` (n, most) are those as
    words."""

    def __init__(self, asked: Sequence[str], answers: Iterable[str], *, most: int = QUESTION_WORDS) -> None:
        known = {word for text in {*asked, *answers} for word in words(text)}
        self.words = ["<pad>", "<start>", "<end>", "<unknown>", *sorted(known)]
        self.places = {word: at for at, word in enumerate(self.words)}
        distinct = sorted(set(asked))
        self.questions = self.encode(distinct, most)
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
    """The words and signs of a text, in lower case."""
    return [str(word) for word in _WORD.findall(text.lower())]


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

    def __init__(self, vocabulary: int, questions: Tensor, vectors: Tensor) -> None:
        super().__init__()
        self.questions, self.vectors = questions, vectors
        self.words = nn.Embedding(vocabulary, EMBEDDED, padding_idx=PAD)
        self.reader = nn.Conv1d(EMBEDDED, WIDTH, 3, padding=1)
        self.after = nn.Linear(WIDTH, WIDTH)
        self.looker = nn.Sequential(nn.Linear(vectors.shape[1], WIDTH), nn.GELU(), nn.Linear(WIDTH, WIDTH))
        self.join = nn.Sequential(nn.Linear(3 * WIDTH, WIDTH), nn.GELU(), nn.Linear(WIDTH, WIDTH))
        self.writer = nn.GRU(EMBEDDED, WIDTH, batch_first=True)
        self.out = nn.Linear(2 * WIDTH, vocabulary)

    def start(self, questions: Tensor, pictures: Tensor) -> Tensor:
        """What the answer is written from (n, WIDTH)."""
        asked, back = torch.unique(questions, return_inverse=True)
        read = functional.gelu(self.reader(self.words(self.questions[asked]).transpose(1, 2))).amax(2)
        read = self.after(read)[back]
        pictured, where = torch.unique(pictures, return_inverse=True)
        looked = (self.looker(self.vectors[pictured]) * (pictured > 0)[:, None])[where]
        return self.join(torch.cat([read, looked, read * looked], 1))

    def log_probabilities(self, turns: Turns, *, pictures: Tensor | None = None) -> Tensor:
        """Log-probability of each word of the answers (n, longest), 0 after their end."""
        longest = int((turns.answers != PAD).sum(1).max())
        answers = turns.answers[:, :longest]
        start = self.start(turns.questions, turns.pictures if pictures is None else pictures)
        before = functional.pad(answers[:, :-1], (1, 0), value=START)
        states, _ = self.writer(self.words(before), start[None].contiguous())
        logits = self.out(torch.cat([states, start[:, None].expand_as(states)], -1))
        losses = functional.cross_entropy(logits.flatten(0, 1), answers.flatten(), reduction="none")
        return -losses.view_as(answers) * (answers != PAD)

    @torch.no_grad()
    def write(self, questions: Tensor, pictures: Tensor, *, gen: torch.Generator | None = None) -> Tensor:
        """Answers (n, ANSWER_WORDS): the likeliest word each time, or drawn with `gen`."""
        start = self.start(questions, pictures)
        state, last = start[None].contiguous(), torch.full((len(start), 1), START)
        done = torch.zeros(len(start), dtype=torch.bool)
        written = torch.full((len(start), ANSWER_WORDS), PAD)
        for at in range(ANSWER_WORDS):
            out, state = self.writer(self.words(last), state)
            logits = self.out(torch.cat([out[:, 0], start], -1))
            logits[:, [PAD, START]] = -torch.inf
            drawn = logits.softmax(-1).multinomial(1, generator=gen) if gen else logits.argmax(-1, keepdim=True)
            last = drawn.masked_fill(done[:, None], PAD)
            written[:, at] = last[:, 0]
            done |= last[:, 0] == END
            if done.all():
                break
        return written
