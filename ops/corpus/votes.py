"""Votes of annotators as arrays, and how often two of them agree."""

from dataclasses import dataclass

import numpy as np

from ops.corpus.reliability import Agreements

# Raters of one subject that are compared with each other; a subject that a crowd judged would make a pair of each two.
_MOST_RATERS = 32


@dataclass(frozen=True, slots=True)
class Votes:
    """Who (n, from 0) says of which subject (n, from 0, in ascending order) whether it is so (n, bool); and how many
    annotators and subjects there are."""

    subject: np.ndarray
    rater: np.ndarray
    side: np.ndarray
    subjects: int
    raters: int

    def where(self, mask: np.ndarray) -> "Votes":
        """Some of the votes, on the same subjects by the same annotators."""
        return Votes(self.subject[mask], self.rater[mask], self.side[mask], self.subjects, self.raters)

    def first(self, count: int) -> "Votes":
        """The votes on the first subjects that have about so many."""
        if len(self.side) <= count:
            return self
        subjects = int(self.subject[count])
        mask = self.subject < subjects
        return Votes(self.subject[mask], self.rater[mask], self.side[mask], subjects, self.raters)

    def agreements(self) -> Agreements:
        """How often each two annotators of a subject, of a crowd the first few, say the same of it."""
        starts = np.flatnonzero(np.diff(self.subject, prepend=-1))
        place = np.arange(len(self.subject)) - np.repeat(starts, np.diff(starts, append=len(self.subject)))
        heard = self.where(place < _MOST_RATERS)
        parts: list[np.ndarray] = []
        for step in range(1, int(place.max(initial=0)) + 1):
            two = heard.subject[step:] == heard.subject[:-step]
            two &= heard.rater[step:] != heard.rater[:-step]
            if not two.any():
                break
            same = heard.side[step:][two] == heard.side[:-step][two]
            pair = heard.rater[:-step][two] * self.raters + heard.rater[step:][two]
            pairs, at = np.unique(pair, return_inverse=True)
            parts.append(np.stack([pairs, np.bincount(at), np.bincount(at, same).astype(np.int64)]))
        pair, together, agreed = np.concatenate([np.zeros((3, 0), np.int64), *parts], axis=1)
        return Agreements(pair // self.raters, pair % self.raters, together, agreed)
