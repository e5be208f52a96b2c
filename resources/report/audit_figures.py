"""What each audit of a version measured: counts, distributions and the thresholds of the rules in them."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa

from ops.audits.contract import KEYS, Audit, Grain, Scope
from ops.audits.registry import all_audits
from ops.core.arrow import column_of, fill_null, numpy_values
from ops.core.hashing import joined, key_hashes
from ops.core.schemas import EXAMPLES
from ops.gates.gate_facts import measures_facts
from ops.grounding.mismatch import Cut, cuts_of, mismatch_notes
from ops.report.audit_data import AuditFigures, Threshold
from ops.report.histograms import first_drawn, histograms
from resources.lake.stored_measures import Without, used
from resources.lake.tables import Lake
from resources.report.rule_figures import StoredRule, thresholds_of

#: Columns of an audit that are drawn; those that a rule looks at come first.
DRAWN = 6
#: Characters of what an audit says of itself, to the end of the sentence.
SUMMARY = 280
_KEY = ["delivery", "example_id"]

ReadBatches = Callable[..., Iterator[pa.RecordBatch]]
"""`Lake.batches` of one audit's measures; `columns` says which."""


def audit_figures(
    lake: Lake,
    deliveries: Sequence[str],
    measures: Mapping[str, str],
    rules: Sequence[StoredRule],
    without: Without,
) -> Iterator[AuditFigures]:
    """What each audit with measures of the version found in these deliveries."""
    batches = lake.batches(EXAMPLES, where={"delivery": list(deliveries)}, columns=_KEY)
    examples = joined(key_hashes(batch) for batch in batches)
    for name, identity in sorted(measures.items()):
        audit = all_audits().get(name)
        if audit is None:
            continue
        where: dict[str, object] = {"identity": identity}
        if audit.scope is not Scope.CORPUS:
            where["delivery"] = used(deliveries, without, name)
        read = partial(lake.batches, audit.table, where=where)
        facts = measures_facts(audit, read, examples=examples)["measures"].to_pylist()[0]
        figures = _figures(audit, identity, read, facts, thresholds_of(rules, name))
        yield replace(figures, notes=_mismatch(read, cuts_of(rules, name))) if _ranks_images(audit) else figures


def _ranks_images(audit: Audit) -> bool:
    """Whether the audit ranks each example's image among others: turns of one example are not independent."""
    return audit.grain is Grain.EXAMPLE and {"rank", "compared", "turns"} <= set(audit.columns.names)


def _mismatch(read: ReadBatches, cuts: Sequence[Cut]) -> tuple[str, ...]:
    names = ["rank", "compared", "turns"]
    parts = [
        np.stack([numpy_values(fill_null(column_of(batch, name), 0)) for name in names])
        for batch in read(columns=names)
    ]
    rank, compared, turns = np.concatenate([np.zeros((3, 0), np.int32), *parts], axis=1)
    judged = rank > 0
    return tuple(mismatch_notes(rank[judged], compared[judged], turns[judged], cuts))


def _figures(
    audit: Audit,
    identity: str,
    read: ReadBatches,
    facts: Mapping[str, Any],
    thresholds: Mapping[str, list[Threshold]],
) -> AuditFigures:
    drawn = histograms(read, first_drawn(audit.columns, thresholds, DRAWN), thresholds) if facts["rows"] else []
    pictured = {figure.column for figure in drawn}
    keys = KEYS[audit.grain].names
    return AuditFigures(
        name=audit.name,
        title=audit.title,
        summary=_summary(audit.page),
        grain=audit.grain.value,
        rows=facts["rows"],
        examples=facts["examples_measured"],
        abstained=round(facts["abstained_share"] * facts["rows"]),
        everything=audit.scope is not Scope.CORPUS,
        identity=identity,
        histograms=tuple(drawn),
        left_out=tuple(c for c in audit.columns.names if c not in pictured and c not in keys) if facts["rows"] else (),
    )


def _summary(page: str) -> str:
    """The first sentences of what the audit says of itself, without its heading."""
    paragraphs = [" ".join(part.split()) for part in page.split("\n\n")]
    prose = [part for part in paragraphs[1:] if part and not part.startswith(("-", "*", "|"))]
    sentences = re.split(r"(?<=[.?!:]) (?=[A-Z`])", (prose or paragraphs)[0])
    kept = sentences[:1]
    for sentence in sentences[1:]:
        # A sentence that announces a list ends in the air without it.
        if len(" ".join(kept)) >= SUMMARY or sentence.endswith(":"):
            break
        kept.append(sentence)
    return re.sub(":$", ".", " ".join(kept))
