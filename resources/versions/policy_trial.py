"""Trying a policy: what another policy would make of the measures of a published version. Nothing is measured anew, and
nothing is written."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import pyarrow as pa

from ops.core.arrow import compare, rows_where
from ops.core.log import Row
from ops.core.schemas import EXAMPLES, IMAGES
from ops.core.version_schemas import DECISIONS, VERDICTS
from ops.decision.policy import Policy
from ops.decision.version_diff import Diff, Pins, diff, joined
from ops.decision.versions import Version
from resources.engines.tasks import tasks_for
from resources.lake.shares import SHARE_ROWS, Share, rows_kept, shares_of
from resources.lake.tables import Lake
from resources.versions.canary_chances import pins_of
from resources.versions.decisions import Grounds, added, count, examples_of, judge, wrong_flags
from resources.versions.publishing import PublishError, current_version, version_of


@dataclass(frozen=True, slots=True)
class Trial:
    """What a policy would change. `before` and `after` are the counts of the version and of the trial (examples by
    action, kind, dataset and rule); `change` is the comparison, whose rows carry the reasons of both sides. `wrong` is
    how many of the examples that each rule of the tried policy speaks of should be right, where its audit can tell."""

    version: int
    before: Row
    after: Row
    change: Diff
    wrong: Mapping[str, float]

    @property
    def by_rule(self) -> list[Row]:
        """For each rule of either policy: the examples it speaks of before and after, the difference, and how many of
        those after should be right (None where its audit cannot tell)."""
        names = sorted({*self.before["rules"], *self.after["rules"]})
        pairs = [(name, self.before["rules"].get(name, 0), self.after["rules"].get(name, 0)) for name in names]
        return [
            {"rule": name, "before": was, "after": now, "difference": now - was, "expected_wrong": self.wrong.get(name)}
            for name, was, now in pairs
        ]


def try_policy(lake: Lake, policy: Policy, version: int | None = None, *, share_rows: int = SHARE_ROWS) -> Trial:
    """What the policy would make of the examples and measures of a version (None: the current one).

    Raises PublishError where there is no such version, MissingError where the policy asks for an audit that the version
    had not measured.
    """
    number = current_version(lake) if version is None else version
    if number is None:
        raise PublishError("no version has been published to compare with; `assay run DROP` makes one")
    version_tried = version_of(lake, number)
    pins = Pins.of(version_tried.row)
    grounds = grounds_of(lake, version_tried, policy)
    kept = rows_kept(lake, grounds.deliveries)
    tasks = tasks_for(sum(kept.values()), lake)
    sides = (pins, replace(pins, policy=policy.hash))
    tried = [tasks.call(_try_share, grounds, number, share, sides) for share in shares_of(kept, share_rows)]
    parts: list[tuple[Row, Row, Diff, dict[str, float]]] = list(tasks.values(tried))
    befores, afters, changes, wrong = zip(*parts, strict=True)
    return Trial(number, added(befores), added(afters), joined(changes), _summed(wrong))


def grounds_of(lake: Lake, version: Version, policy: Policy) -> Grounds:
    """What verdicts of that policy follow from on the deliveries and measures of a version, as persons decided then."""
    pins = Pins.of(version.row)
    decided: int = json.loads(version.row["tables"] or "{}").get(DECISIONS.name, -1)
    read = {DECISIONS.name: decided, **pins_of(version)}
    deliveries = tuple(version.row["deliveries"])
    return Grounds(lake, read, deliveries, pins.measures, policy, without=pins.without)


def _summed(shares: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """Over all shares, of rules of which all of them tell."""
    total: dict[str, float] = {}
    for share in shares:
        for rule, wrong in share.items():
            total[rule] = total.get(rule, 0.0) + wrong
    return {rule: wrong for rule, wrong in total.items() if wrong == wrong}


def _try_share(
    grounds: Grounds, version: int, share: Share, sides: tuple[Pins, Pins]
) -> tuple[Row, Row, Diff, dict[str, float]]:
    """Counts before and after, what changes, and the expected wrong flags by rule, of the share."""
    view = grounds.view(share)
    standing = pa.Table.from_batches(list(view.batches(VERDICTS, where={"version": version})), VERDICTS.schema)
    judged = judge(grounds, view, examples_of(view))
    change = diff(standing, judged, numbers=(version, version), pins=sides)
    return count(standing), count(judged), change, wrong_flags(grounds, view)


def changed_examples(lake: Lake, rows: pa.Table, *, limit: int) -> list[Row]:
    """The first `limit` rows of a comparison with the messages and first picture (bytes) of each, for a contact
    sheet. Rows of each change take turns, so that a sheet is not all of one kind."""
    groups = [rows_where(rows, compare(rows["change"], "==", change)) for change in ("removed", "added", "reweighted")]
    chosen = pa.concat_tables([group.slice(0, limit // 3 or 1) for group in groups]).slice(0, limit).to_pylist()
    ids = [row["example_id"] for row in chosen]
    columns = ["example_id", "messages", "image_ids"]
    examples = {r["example_id"]: r for r in lake.read(EXAMPLES, where={"example_id": ids}, columns=columns).to_pylist()}
    pictures = _pictures(lake, {r["image_ids"][0] for r in examples.values() if r["image_ids"]})
    return [{**row, **_content(examples.get(row["example_id"]), pictures)} for row in chosen]


def _content(example: Row | None, pictures: Mapping[str, bytes]) -> Row:
    if example is None:
        return {"messages": [], "picture": None}
    first = next(iter(example["image_ids"] or []), None)
    return {"messages": example["messages"], "picture": pictures.get(first) if first else None}


def _pictures(lake: Lake, ids: set[str]) -> dict[str, bytes]:
    rows = lake.read(IMAGES, where={"image_id": sorted(ids)}, columns=["image_id", "bytes"])
    return {row["image_id"]: row["bytes"] for row in rows.to_pylist()}
