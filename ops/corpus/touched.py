"""Measures of a corpus from those of an earlier one: what came or went decides which are made anew."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812

from ops.corpus.links import KEYS, Links, few, has_several, keys_of, unit_of, with_keys
from ops.corpus.tables import CorpusTables

_EXAMPLE = ["delivery", "example_id"]


@dataclass(frozen=True, slots=True)
class Touched:
    """The rows that came, went, or share a key with such, over the deliveries of both corpora."""

    links: Links
    settings: Any
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
    ) -> tuple[DataFrame, DataFrame]:
        """The measures of the present corpus: `earlier` ones of rows that nothing touched, as they lie in their files,
        and those that `measure` makes of the others. `tables` and `keyed` (`links.keys` of them) hold the rows of both
        corpora; `has_moved` says that what is known of the whole corpus is not what it was."""
        unit = list(unit_of(self.links.subject))
        earlier = earlier.where(F.col("delivery").isin(list(self.present)))
        touched = self._keys(tables, {name: rows.where(self._is_changed()) for name, rows in keyed.items()})
        if has_moved:
            unsettled = few(earlier.where(self.links.unsettled or "true").select(*unit))
            moved = keyed[self.links.subject].join(unsettled, unit, "left_semi")
            touched = touched.unionByName(self._keys(tables, {self.links.subject: moved}))
        core = self._sharing(keyed, few(touched))
        if self.links.passes_on:
            return self._passed_on(tables, keyed, earlier, core, measure)
        names = few(core[self.links.subject].select(*unit))
        untouched = earlier.join(names, unit, "left_anti")
        if self.links.near is None and not any(has_several(rows) for rows in keyed.values()):
            return untouched, measure(self._among(tables, core))
        # Those that share a key with what is measured anew are looked at, and keep their own measures.
        beside = self._sharing(keyed, few(self._keys(tables, core)))
        return untouched, measure(self._among(tables, beside)).join(names, unit, "left_semi")

    def _passed_on(
        self,
        tables: CorpusTables,
        keyed: Mapping[str, DataFrame],
        earlier: DataFrame,
        core: dict[str, DataFrame],
        measure: Callable[..., DataFrame],
    ) -> tuple[DataFrame, DataFrame]:
        """The measures, as `measured` gives them, where one row's turn on another's: where a row came to have one, or
        lost its own, those that share a key with it are measured anew as well, until no more do."""
        subject, unit = self.links.subject, list(unit_of(self.links.subject))
        while True:
            names = few(core[subject].select(*unit))
            beside = self._sharing(keyed, few(self._keys(tables, core)))
            leaving = earlier.select(*unit, F.lit(True).alias("leaves"))
            settled = beside[subject].select(*unit).join(names, unit, "left_anti").join(leaving, unit, "left")
            settled = settled.withColumn("leaves", F.coalesce("leaves", F.lit(False)))
            made = (
                measure(self._among(tables, beside), settled=settled).join(names, unit, "left_semi").localCheckpoint()
            )
            turned = few(self._turned(earlier.join(names, unit, "left_semi"), made, unit))
            # What shares a key with those that came is among these rows as it is.
            old = keyed[subject].where(~self._is_changed()).join(turned, unit, "left_semi")
            more = self._sharing(keyed, few(self._keys(tables, {subject: old})))
            grown = {name: core[name].unionByName(more[name]).dropDuplicates(unit).localCheckpoint() for name in core}
            if grown[subject].count() == core[subject].count():
                return earlier.join(names, unit, "left_anti"), made
            core = grown

    def _turned(self, before: DataFrame, after: DataFrame, unit: list[str]) -> DataFrame:
        """The rows that only one of the two has."""
        both = [before.select(*unit), after.select(*unit)]
        return both[0].exceptAll(both[1]).unionByName(both[1].exceptAll(both[0]))

    def _keys(self, tables: CorpusTables, rows: Mapping[str, DataFrame]) -> DataFrame:
        """Keys of all that these rows hang together with."""
        own = keys_of(rows.values())
        near = self.links.near
        return own if near is None else own.unionByName(near(tables, rows, self.settings))

    def _is_changed(self):
        return F.col("delivery").isin(list(self.changed))

    def _sharing(self, keyed: Mapping[str, DataFrame], keys: DataFrame) -> dict[str, DataFrame]:
        """Of each table the present rows that have one of the keys, and those that came."""
        present = F.col("delivery").isin(list(self.present))
        sharing: dict[str, DataFrame] = {}
        for name, rows in keyed.items():
            old = with_keys(rows.where(present & ~self._is_changed()), keys, unit_of(name))
            sharing[name] = old.unionByName(rows.where(present & self._is_changed())).localCheckpoint(eager=False)
        return sharing

    def _among(self, tables: CorpusTables, rows: Mapping[str, DataFrame]) -> dict[str, DataFrame]:
        """The tables as an audit gets them, with these rows alone and what belongs to their examples."""
        among = {name: rows[name].drop(KEYS) if name in rows else table for name, table in tables.items()}
        others = [name for name, table in tables.items() if name not in rows and "example_id" in table.columns]
        if others:
            examples = few(reduce(DataFrame.unionByName, (r.select(*_EXAMPLE) for r in rows.values())))
            among |= {name: tables[name].join(examples, _EXAMPLE, "left_semi") for name in others}
        return among
