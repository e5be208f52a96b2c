"""Which earlier measures of a corpus audit those of the next corpus can be made from."""

from ops.audits.contract import Audit
from ops.corpus.links import State
from resources.lake.tables import Lake
from resources.measuring.corpus_jobs import Earlier, Job, earlier_measures
from resources.measuring.corpus_tables import ARRIVALS, delivery_rows, is_little

_MOST_CHANGED = 0.3
"""Share of the examples from which all is measured anew, which is then no more work."""


def usable_earlier(
    lake: Lake, audit: Audit, job: Job, known: State | None, *, whole_days: float, whole_below: int
) -> Earlier | None:
    """The nearest earlier measures; None where all must be measured anew: the audit does not say what its rows depend
    on, or has fewer than `whole_below` of them, or another state changes all of them, or too much has changed, or the
    rows are no longer there."""
    links = audit.links
    if links is None or is_little(lake, links, job.deliveries, below=whole_below):
        return None
    earlier = earlier_measures(lake, job, delivery_rows(lake, job.deliveries), whole_days=whole_days)
    if earlier is None:
        return None
    if known is not None and known.name != earlier.knows and links.unsettled is None:
        return None
    if ARRIVALS in audit.reads and not _same_order(earlier, job):
        return None
    rows = delivery_rows(lake, [*{*earlier.deliveries, *job.deliveries}])
    changed = sum(rows[delivery] for delivery in {*earlier.deliveries} ^ {*job.deliveries})
    present = sum(rows[delivery] for delivery in job.deliveries)
    stored = sum(part.rows for part in lake.parts(audit.table, where={"identity": earlier.identity}))
    return earlier if changed <= _MOST_CHANGED * present and stored == earlier.rows else None


def _same_order(earlier: Earlier, job: Job) -> bool:
    """Whether the drops of both came in the same order."""
    common = {*earlier.deliveries} & {*job.deliveries}
    before, now = ([name for name in names if name in common] for names in (earlier.deliveries, job.deliveries))
    return before == now
