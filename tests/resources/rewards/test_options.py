"""A reward that learnt letters by heart is brittle where the options are turned; one that reads them is not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pytest

from ops.core.schemas import EXAMPLES
from ops.core.turns import GROUND_TRUTH
from resources.engines.progress import SilentProgress
from resources.lake.tables import Lake
from resources.rewards.auditing import audit_reward
from tests.support.corpora import message

COLOURS = ("red", "green", "blue", "grey")


def choices(count: int) -> pa.Table:
    rows = []
    for n in range(count):
        options = [f"{letter}. {COLOURS[(n + at) % 4]}" for at, letter in enumerate("ABCD")]
        messages = [
            message("user", "\n".join([f"What colour is thing {n}?", *options])),
            message(GROUND_TRUTH, "ABCD"[n % 4]),
        ]
        keys = {"delivery": "d", "example_id": f"e{n}", "kind": "prompt", "dataset": "s", "image_ids": []}
        rows.append(keys | {"messages": messages})
    return pa.Table.from_pylist(rows, schema=EXAMPLES.schema)


@dataclass
class Rewarding:
    by_heart: bool

    def rewards(self, rows: Sequence[Mapping[str, object]]) -> list[float | None]:
        return [float(self._letter(str(row["completion"])) == self._right(row)) for row in rows]

    def _letter(self, text: str) -> str:
        return text.strip().rstrip(".").removeprefix("The answer is ").upper()

    def _right(self, row: Mapping[str, object]) -> str:
        number = int(str(row["question"]).partition("?")[0].rpartition(" ")[2])
        return "ABCD"[number % 4] if self.by_heart else str(row["ground_truth"])


@pytest.mark.parametrize("by_heart", [True, False])
def test_turned_options_tell_what_was_learnt_by_heart(tmp_path: Path, by_heart: bool) -> None:
    audit = audit_reward(Rewarding(by_heart), Lake(tmp_path / "lake"), choices(40), progress=SilentProgress())
    (turned,) = [finding for finding in audit.findings if finding.probe == "options"]
    assert (turned.cases, turned.share) == (40, float(by_heart))
    assert ("brittle" in audit.named) == by_heart
