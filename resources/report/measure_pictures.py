"""What an audit measured of a delivery, as pictures for Dagster: beside what it measured of the deliveries before."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

import pyarrow as pa

from ops.audits.contract import Audit
from ops.core.identity import canonical_json
from ops.report.audit_data import Histogram
from ops.report.charts import embedded, histogram
from ops.report.histograms import first_drawn, histograms
from resources.config.settings import Settings
from resources.intake.corpus_drops import admitted_deliveries
from resources.lake.tables import Lake
from resources.report.rule_figures import stored_rules, thresholds_of

#: Pictures of an audit; columns that a rule looks at come first.
DRAWN = 3
#: Deliveries that are drawn beside the present one: those that entered the corpus last before it.
BEFORE = 5


def measure_pictures(lake: Lake, audit: Audit, delivery: str, *, identity: str, settings: Settings) -> str:
    """Markdown: a histogram of each of the audit's first columns in this delivery (bars) and in those before it (a
    line), with the limits of the rules in force. Empty where nothing is measured."""
    thresholds = thresholds_of(stored_rules({"config": canonical_json(settings.effective())}), audit.name)
    columns = first_drawn(audit.columns, thresholds, DRAWN)
    read = partial(_read, lake, audit, identity, [column.name for column in columns])
    present, before = partial(read, [delivery]), partial(read, _before(lake, delivery))
    figures = histograms(present, columns, thresholds, earlier=before) if columns else []
    return "\n\n".join(map(_picture, (figure for figure in figures if figure.counts)))


def _picture(figure: Histogram) -> str:
    before = f", and {sum(figure.earlier):,} before as a line" if any(figure.earlier) else ""
    return f"`{figure.column}` of {figure.rows:,} rows{before}\n\n![{figure.column}]({embedded(histogram(figure))})"


def _before(lake: Lake, delivery: str) -> list[str]:
    admitted = admitted_deliveries(lake)
    return admitted[: admitted.index(delivery)][-BEFORE:] if delivery in admitted else admitted[-BEFORE:]


def _read(
    lake: Lake, audit: Audit, identity: str, columns: Sequence[str], deliveries: Sequence[str]
) -> Iterator[pa.RecordBatch]:
    where: Mapping[str, object] = {"identity": identity, "delivery": list(deliveries)}
    return lake.batches(audit.table, where=where, columns=list(columns)) if deliveries else iter(())
