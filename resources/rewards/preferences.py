"""A lake's own preference pairs: what a reward model that is trained on them would learn instead of looking.

preferences of admitted drops -> pairs -> ops/rewards/shortcuts.py -> shortcuts, and a weight for each pair
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from ops.core.errors import UnusableError
from ops.core.grades import worst
from ops.core.schemas import PREFERENCES
from ops.rewards.shortcuts import FEWEST_PAIRS, Pair, Shortcuts, shortcuts_of
from resources.intake.corpus_drops import admitted_deliveries
from resources.lake.tables import Lake
from resources.rewards.drawing import draw_rows

_COLUMNS = ("delivery", "example_id", "query_key", "image_key", "response", "opponent", "label")


@dataclass(frozen=True, slots=True)
class PreferenceAudit:
    """The shortcuts of the pairs drawn."""

    verdict: str
    pairs: tuple[Pair, ...]
    shortcuts: Shortcuts

    def as_json(self) -> dict[str, object]:
        """Plain values, without the pairs and their weights."""
        shortcuts = [asdict(shortcut) for shortcut in self.shortcuts.shortcuts]
        share = self.shortcuts.effective_share
        return {"verdict": self.verdict, "pairs": len(self.pairs), "shortcuts": shortcuts, "effective_share": share}

    def write_weights(self, path: Path) -> None:
        """A Parquet file with `example_id` and `weight`, a row a pair."""
        ids = [pair.example_id for pair in self.pairs]
        table = pa.table({"example_id": pa.array(ids), "weight": pa.array(self.shortcuts.weights)})
        with pq.ParquetWriter(path, table.schema) as writer:
            writer.write_table(table)


def audit_preferences(lake: Lake, *, most: int, seed: int = 0) -> PreferenceAudit:
    """Of at most `most` pairs, drawn by the hash of their examples' ids. UnusableError where there are too few."""
    pairs = draw_pairs(lake, admitted_deliveries(lake), most, seed=seed)
    if len(pairs) < FEWEST_PAIRS:
        raise UnusableError(
            f"{len(pairs)} preference pairs in the admitted drops, at least {FEWEST_PAIRS} are needed; name a lake "
            "that has some with --lake"
        )
    shortcuts = shortcuts_of(pairs, seed=seed)
    verdict = worst(shortcut.verdict for shortcut in shortcuts.shortcuts)
    return PreferenceAudit(verdict, tuple(pairs), shortcuts)


def draw_pairs(lake: Lake, deliveries: Sequence[str], most: int, *, seed: int) -> list[Pair]:
    """Pairs with two different answers; `preferences` is read once, in batches."""
    if not deliveries:
        return []
    where = {"delivery": list(deliveries), "label": "chosen"}
    drawn = draw_rows(lake, PREFERENCES, _COLUMNS, where, most, seed=seed)
    rows = [row for row in drawn.to_pylist() if row["opponent"] and row["response"] != row["opponent"]]
    return [
        Pair(row["example_id"], f"{row['image_key']} {row['query_key']}", row["response"] or "", row["opponent"])
        for row in rows
    ]
