"""Which of several alike examples stays: the rule that all audits of duplicates share."""

from collections.abc import Mapping, Sequence
from typing import TypeVar, cast

RANK = ("arrival", "repairs", "example_id", "delivery")
"""What decides: of the drop that came first, then the fewest repairs, then the smallest example id. So a new drop loses
rows and takes none."""

Rank = tuple[int, int, str, str]
"""Values of RANK."""
Pair = TypeVar("Pair", bound=tuple[object, ...])


def rank_of(row: Mapping[str, object], side: str = "") -> Rank:
    """The rank of a row, or of what it has under the names that begin with `side`."""
    return cast(Rank, tuple(row[f"{side}{name}"] for name in RANK))


def redundant(alike: Mapping[Rank, Sequence[Pair]]) -> dict[Rank, Pair]:
    """Each redundant example with the pair that says so, the first of its pairs with examples that stay.

    `alike` holds, for an example, its pairs with examples of a lower rank that it was found alike to: tuples that
    begin with what orders them and end with the other's rank. Nothing is removed through a third: what is like a
    redundant example only stays.
    """
    leaving: dict[Rank, Pair] = {}
    for example in sorted(alike):
        staying = [pair for pair in alike[example] if pair[-1] not in leaving]
        if staying:
            leaving[example] = min(staying)
    return leaving
