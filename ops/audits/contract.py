"""What an audit is: the promise that each file of this folder makes, and that the contract tests hold it to."""

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from ops.core.arrow_types import fields
from ops.core.identity import fingerprint
from ops.core.key_schemas import made_schema
from ops.core.schemas import TableSpec
from ops.evidence.inputs import RowInputs
from ops.vision.colours import ColourTable
from ops.vision.regions import Phrase

if TYPE_CHECKING:
    from ops.corpus.links import Links
    from ops.corpus.tables import CorpusRows, CorpusTables


class Grain(StrEnum):
    """What one row of an audit's measures is about."""

    EXAMPLE = "example"
    TURN = "turn"
    CLAIM = "claim"
    JUDGEMENT = "judgement"
    PAIR = "pair"
    BOX = "box"
    FORECAST = "forecast"


class Scope(StrEnum):
    """How much an audit must see at once to measure one row."""

    ROW = "row"
    DROP = "drop"
    CORPUS = "corpus"


_EXAMPLE = [("delivery", pa.string()), ("example_id", pa.string())]

#: Key columns by grain. Every grain names the example whose verdict its rows weigh on.
KEYS: dict[Grain, pa.Schema] = {
    Grain.EXAMPLE: pa.schema(_EXAMPLE),
    Grain.TURN: pa.schema([*_EXAMPLE, ("turn", pa.int32())]),
    Grain.CLAIM: pa.schema([*_EXAMPLE, ("turn", pa.int32()), ("claim", pa.int32())]),
    Grain.JUDGEMENT: pa.schema([*_EXAMPLE, ("judgement_id", pa.string())]),
    Grain.BOX: pa.schema([*_EXAMPLE, ("box", pa.int32())]),
    Grain.PAIR: pa.schema([*_EXAMPLE, ("other_delivery", pa.string()), ("other_id", pa.string())]),
    Grain.FORECAST: pa.schema([*_EXAMPLE, ("trainer", pa.string())]),
}


def _as_it_is(sketch: Any, settings: Any) -> Any:
    return sketch


@dataclass(frozen=True, slots=True)
class Fit:
    """How an audit of drop scope learns what it must know of the drop as a whole: `sketch(inputs, settings)` of each
    batch, how sketches `merge(sketches, settings)` into one, and the `model(sketch, settings)` that rows are then
    measured by, the same whatever the order and cut of the batches. Sketches and models are small: counts, and samples
    of at most so many rows. Audits that share one leave the settings alone."""

    sketch: Callable[[RowInputs, Any], Any]
    merge: Callable[[Iterable[Any], Any], Any]
    model: Callable[[Any, Any], Any] = _as_it_is
    after: "Fit | None" = None
    """What must be fitted before: its model is `RowInputs.fitted` of the batches that are sketched, and the first of
    the two (a tuple) that rows are measured by."""


@dataclass(frozen=True, slots=True)
class StoredKeys:
    """What a corpus-scope audit compares of each row, as a table of the lake (ops/core/key_schemas.py) that is made
    once for each delivery, where the audit first reads it.

    `rows(batch, settings)` makes rows of the table, but for their `rules`, from a batch of the `columns` of the table
    `made_from`; `settings` gives those of the audit's settings that they depend on.
    """

    spec: TableSpec
    made_from: TableSpec
    columns: tuple[str, ...]
    rows: Callable[[pa.RecordBatch, Any], pa.RecordBatch]
    settings: Callable[[Any], tuple[object, ...]]
    revision: int = 1
    """Raised when the keys change, so that they are made anew."""

    def rules(self, settings: Any, *context: object) -> str:
        """The partition `rules` of the keys that are made with these settings of the audit."""
        return fingerprint(self.spec.name, self.revision, *self.settings(settings), *context)

    @property
    def schema(self) -> pa.Schema:
        """Of `rows`."""
        return made_schema(self.spec)

    def table(self, delivered: pa.Table, settings: Any) -> pa.Table:
        """The keys of rows that are at hand."""
        batches = delivered.select(list(self.columns)).to_batches()
        rows = [self.rows(batch, settings) for batch in batches]
        return pa.Table.from_batches(rows, self.schema) if rows else self.schema.empty_table()


@dataclass(frozen=True, slots=True)
class Clusters:
    """The clusters in which a corpus-scope audit compares examples: a bank of centres that is found once and stored,
    and the table of the lake (ops/core/key_schemas.py) of the examples in their nearest cluster, made once for each
    delivery and bank.

    Both are made from the tables `reads`: `centres(tables, settings)` gives the bank (k, d), and
    `rows(tables, centres)` the rows of `spec`, but for their `rules`. `settings` gives those of the audit's
    settings that the bank depends on.
    """

    spec: TableSpec
    reads: Mapping[str, tuple[str, ...]]
    centres: Callable[["CorpusTables", Any], np.ndarray]
    rows: Callable[["CorpusTables", np.ndarray], "CorpusRows"]
    settings: Callable[[Any], tuple[object, ...]]
    revision: int = 1
    """Raised when the centres or the rows change, so that they are made anew."""

    def rules(self, settings: Any, *context: object) -> str:
        """The partition `rules` of a bank that is found with these settings of the audit."""
        return fingerprint(self.spec.name, self.revision, *self.settings(settings), *context)


@dataclass(frozen=True, slots=True)
class Suspicion:
    """The column of an audit's measures that orders rows by the evidence of some of its `faults`: the higher it is
    (`sign` 1), or the lower (-1), the more suspicious. What canaries with these faults have there tells what it is
    worth (ops/chances/known_faults.py). An audit that has rows of what it finds alone says by `unfound` what stands
    there for all others; models are fitted by it.

    Where `unit` is given, the column is the p-value of what that column names, such as a file; chances then follow from
    all of a delivery's p-values (ops/chances/p_values.py), without canaries, and are told of the rows that the flag
    `mark` marks."""

    column: str
    sign: int
    faults: tuple[str, ...]
    unfound: float | None = None
    unit: str | None = None
    mark: str | None = None


def columns_of(**tables: str) -> dict[str, tuple[str, ...]]:
    """What an audit reads, of columns written with blanks between them."""
    return {name: tuple(columns.split()) for name, columns in tables.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """One audit. Its module's docstring is its page in Dagster and in the docs.

    `measure` is `(RowInputs, settings) -> pa.Table` for row and drop scope; for corpus scope it is
    `(tables, settings) -> DataFrame` where `tables` maps the names in `reads` to Spark DataFrames of the admitted
    deliveries. Either way the result has the key columns of the grain and then `columns`, one row a key.
    """

    name: str
    title: str
    grain: Grain
    scope: Scope
    columns: pa.Schema
    """What is measured. Each column of numbers declares the range of its values: `ops.audits.ranges.column`."""
    measure: Callable[..., Any]
    settings: Any = None
    """A frozen dataclass instance holding the defaults of `audits.<name>` in assay.yaml; None where there is nothing
    to set."""
    reads: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]], hash=False)
    """Tables of the lake that a corpus-scope audit gets, with the columns that it looks at; `images` are all of the
    lake; `arrivals` (delivery, arrival) numbers the deliveries in the order in which their drops came; `embeddings` are
    the encoder's vectors, of every image and text that it has embedded."""
    needs: tuple[str, ...] = ()
    """Of a corpus-scope audit: tables among `sources` each of which it has nothing to measure without: where the
    deliveries have no row of one, no engine works for it."""
    links: "Links | None" = None
    """Of a corpus-scope audit: what its rows depend on; None where any row may change any."""
    keys: tuple[StoredKeys, ...] = ()
    """Of a corpus-scope audit: those of the tables in `reads` that are made for it."""
    clusters: Clusters | None = field(default=None, hash=False)
    """Of a corpus-scope audit: that of the tables in `reads` that tells in which clusters examples lie."""
    texts: Callable[[pa.Table], list[str]] | None = None
    """The texts, of a batch of examples, that must be embedded before `measure` runs, whatever the scope."""
    phrases: Callable[[pa.Table, ColourTable], list[Phrase]] | None = None
    """The phrases, of a batch of examples and the colours of their pictures, whose places must be found before
    `measure` runs; their texts, and those of `ops.vision.regions.EVERYDAY`, must be among `texts`. Row and drop
    scope."""
    box_phrases: Callable[[pa.Table], list[Phrase]] | None = None
    """The same of boxes (schemas.BOXES): their phrases, whose texts, and those of `EVERYDAY`, are embedded besides."""
    by_file: bool = False
    """Of drop scope: rows of other source files do not matter to a row's measures, but for the number of these files
    (`RowInputs.source_file_count`), so that files are measured apart."""
    fit: Fit | None = None
    """Of drop scope: with the model that this makes of the drop (`RowInputs.fitted`), rows are measured a batch at a
    time."""
    uses_vectors: bool = False
    """Of row and drop scope; one of corpus scope reads `embeddings`."""
    uses_colours: bool = False
    uses_pictures: bool = False
    uses_boxes: bool = False
    uses_likelihoods: bool = False
    """Its settings name a vision-language model, `vlm` (None asks none), and how many answers it reads at once,
    `vlm_batch`."""
    faults: tuple[str, ...] = ()
    """Kinds of fault, in the words of the demo, that this audit looks for."""
    suspicion: Suspicion | None = None
    """By what a probability of its faults is told where the audit tells none itself; None where it cannot be."""
    revision: int = 1
    """Raised when the arithmetic changes, so that stored measures are made anew."""

    @property
    def schema(self) -> pa.Schema:
        """Keys, then columns; the lake's tables know nothing of ranges."""
        return pa.schema([*fields(KEYS[self.grain]), *(column.remove_metadata() for column in fields(self.columns))])

    @property
    def table(self) -> TableSpec:
        """The lake table of the measures. `identity` names what they were measured with; rows of several identities
        live side by side, so that going back to an earlier setting or encoder costs nothing."""
        partition_by = ("identity",) if self.scope is Scope.CORPUS else ("delivery", "identity")
        schema = pa.schema([*fields(self.schema), pa.field("identity", pa.string())])
        return TableSpec(f"measures_{self.name}", schema, partition_by)

    @property
    def sources(self) -> dict[str, tuple[str, ...]]:
        """The tables that a corpus-scope audit looks at, as `reads`; in place of keys and clusters, what these are made
        from."""
        sources = dict(self.reads)
        made = [(keys.spec, {keys.made_from.name: keys.columns}) for keys in self.keys]
        made += [(self.clusters.spec, self.clusters.reads)] if self.clusters else []
        for spec, made_from in made:
            del sources[spec.name]
            for name, columns in made_from.items():
                read = sources.get(name, ())
                sources[name] = (*read, *(column for column in columns if column not in read))
        return sources

    @property
    def page(self) -> str:
        """What the audit says of itself: the docstring of its module, which bears its name."""
        return inspect.cleandoc(import_module(f"ops.audits.{self.name}").__doc__ or self.title)

    def identity(self, settings: Any, *context: Any) -> str:
        """Identity of measures made with these settings and this context (encoder, bank, deliveries)."""
        chosen: Mapping[str, object] = {} if settings is None else asdict(settings)
        return fingerprint(self.name, self.revision, chosen, *context)
