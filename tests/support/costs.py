"""What a question costs a lake, counted rather than timed: the same on any machine, however loaded."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest

from ops.intake.drop_files import DropFiles
from resources.lake import scan
from resources.lake.commit import TableLog
from resources.lake.parts import Part
from resources.lake.scan import Scan


class Costs:
    """Counts what goes through the lake and through drops' files, which do their work as ever."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._patch = monkeypatch
        self.counts: Counter[str] = Counter()
        self._count(TableLog, "open", "table opens")
        self._count(Part, "__init__", "files listed")
        self._count(scan, "fragment_of", "files to read")
        self._count(Scan, "table", "rows read", size=lambda rows: rows.num_rows)
        self._count(DropFiles, "listing", "drops listed")
        self._count(DropFiles, "open", "drop files opened")
        self._stream(Scan, "batches", "rows read")

    def of(self, question: Callable[[], Any]) -> Counter[str]:
        """What asking costs."""
        self.counts.clear()
        question()
        return Counter(self.counts)

    def _count(self, owner: Any, name: str, kind: str, *, size: Callable[[Any], int] = lambda _: 1) -> None:
        does = getattr(owner, name)

        def counted(*args: Any, **kwargs: Any) -> Any:
            result = does(*args, **kwargs)
            self.counts[kind] += size(result)
            return result

        self._patch.setattr(owner, name, counted)

    def _stream(self, owner: Any, name: str, kind: str) -> None:
        does = getattr(owner, name)

        def counted(*args: Any, **kwargs: Any) -> Any:
            batch: pa.RecordBatch
            for batch in does(*args, **kwargs):
                self.counts[kind] += batch.num_rows
                yield batch

        self._patch.setattr(owner, name, counted)
