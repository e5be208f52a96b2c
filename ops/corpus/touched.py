"""Measures of a corpus from those of an earlier one: what came or went decides which are made anew."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce

from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812

from ops.corpus.links import KEYS, Links, has_several, keys_of, unit_of, with_keys
from ops.corpus.tables import CorpusTables

_EXAMPLE = ["delivery", "example_id"]
_FEW = 4_000_000
"""Keys or names of rows that each worker holds, instead of all rows being moved to them: some 100 MB."""


@dataclass(frozen=True, slots=True)
class Touched:
    """The rows that came, went, or share a key with such, over the deliveries of both corpora."""

    links: Links
    present: Sequence[str]
    changed: Sequence[str]
    """The deliveries that only one of the two corpora has."""

    def measured(
        self,
        tables: CorpusTables,
        keyed: Mapping[str, DataFrame],
        earlier: DataFrame,
        measure: Callable[[CorpusTables], DataFrame],
        *,
        has_moved: bool,
    ) -> DataFrame:
        """The measures of the present corpus: `earlier` ones of rows that nothing touched, and those that `measure`
        makes of the others. `tables` and `keyed` (`links.keys` of them) hold the rows of both corpora; `has_moved` says
        that what is known of the whole corpus is not what it was."""
        unit = unit_of(self.links.subject)
        earlier = earlier.where(F.col("delivery").isin(list(self.present)))
        touched = keys_of(rows.where(self._is_changed()) for rows in keyed.values())
        if has_moved:
            unsettled = self._few(earlier.where(self.links.unsettled or "true").select(*unit).distinct())
            moved = keyed[self.links.subject].join(unsettled, list(unit), "left_semi")
            touched = touched.unionByName(keys_of([moved])).distinct()
        core = self._sharing(keyed, self._few(touched))
        names = self._few(core[self.links.subject].select(*unit).distinct())
        untouched = earlier.join(names, list(unit), "left_anti")
        if not any(has_several(rows) for rows in keyed.values()):
            return untouched.unionByName(measure(self._among(tables, core)))
        # Those that share a key with what is measured anew are looked at, and keep their own measures.
        beside = self._sharing(keyed, self._few(keys_of(core.values())))
        return untouched.unionByName(measure(self._among(tables, beside)).join(names, list(unit), "left_semi"))

    def _is_changed(self):
        return F.col("delivery").isin(list(self.changed))

    def _sharing(self, keyed: Mapping[str, DataFrame], keys: DataFrame) -> dict[str, DataFrame]:
        """Of each table the present rows that have one of the keys, and those that came."""
        present = F.col("delivery").isin(list(self.present))
        sharing: dict[str, DataFrame] = {}
        for name, rows in keyed.items():
            old = with_keys(rows.where(present & ~self._is_changed()), keys, unit_of(name))
            sharing[name] = old.unionByName(rows.where(present & self._is_changed())).localCheckpoint()
        return sharing

    def _among(self, tables: CorpusTables, rows: Mapping[str, DataFrame]) -> dict[str, DataFrame]:
        """The tables as an audit gets them, with these rows alone and what belongs to their examples."""
        examples = self._few(reduce(DataFrame.unionByName, (r.select(*_EXAMPLE) for r in rows.values())).distinct())
        among: dict[str, DataFrame] = {}
        for name, table in tables.items():
            if name in rows:
                among[name] = rows[name].drop(KEYS)
            else:
                is_theirs = "example_id" in table.columns
                among[name] = table.join(examples, _EXAMPLE, "left_semi") if is_theirs else table
        return among

    def _few(self, rows: DataFrame) -> DataFrame:
        """The rows, computed once; each worker gets all of them where they are few."""
        # Not persisted: Spark compares each plan with that of every frame that is, and these plans are long.
        kept = rows.localCheckpoint()
        return F.broadcast(kept) if kept.count() <= _FEW else kept
