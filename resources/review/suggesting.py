"""Thresholds for rules of a policy, by labels, or else by canaries, for a person to accept. Nothing is written to the
lake."""

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Context, Decimal
from typing import Literal

import numpy as np
import pyarrow as pa

from ops.audits.registry import all_audits
from ops.canaries.outcome import last_flights
from ops.core.arrow import column_of, is_in, rows_where
from ops.core.errors import MissingError
from ops.core.log import Row
from ops.core.measure_schemas import CANARY_RULES
from ops.core.version_schemas import SAMPLES
from ops.decision.policy import Action, Condition, OneLess, Policy, Rule
from ops.decision.rule_scores import Limit, limit_of, scores
from ops.decision.versions import Version
from ops.review.calibration import Estimate, Labelled, rule_accuracy, suggested_threshold, threshold_curve
from resources.lake.stored_measures import read_measures, used
from resources.lake.tables import Lake
from resources.versions.agreed_labels import agreed_labels
from resources.versions.decisions import Grounds
from resources.versions.policy_trial import grounds_of

_DIGITS = 4


@dataclass(frozen=True, slots=True)
class At:
    """A rule under one limit: its precision and recall by labels, over all examples of the version, or by canaries and
    the own rows beside them; and the share of canaries that it catches (None where none flew)."""

    condition: Condition
    precision: Estimate
    recall: Estimate
    canaries: float | None


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What is said `by` labels (or, where none tells, by canaries) of a rule's limit: as it is, and at the laxest that
    reaches the target (None where none does, on ten rows)."""

    rule: str
    by: Literal["labels", "canaries"]
    now: At
    proposed: At | None

    @property
    def edit(self) -> tuple[Condition, Condition] | None:
        """The condition that stands there and the one to stand there instead; None where it may stay."""
        if self.proposed is None or self.proposed.condition == self.now.condition:
            return None
        return self.now.condition, self.proposed.condition


@dataclass(frozen=True, slots=True)
class CanaryScores:
    """Of a rule: the `planted` canaries and the scores of those that have one; the `own` rows beside them, and the
    scores of those that come as near as some canary."""

    planted: int = 0
    scores: tuple[float, ...] = ()
    own: int = 0
    own_scores: tuple[float, ...] = ()

    def __add__(self, other: "CanaryScores") -> "CanaryScores":
        return CanaryScores(
            self.planted + other.planted,
            self.scores + other.scores,
            self.own + other.own,
            self.own_scores + other.own_scores,
        )

    @property
    def labelled(self) -> Labelled:
        """Canaries as faulty rows among own rows, all of which are taken for sound: precision is that at the rate at
        which canaries were planted, and too low as far as own rows have the fault."""
        score = np.full(self.planted + self.own, np.nan)
        score[: len(self.scores)] = self.scores
        score[self.planted : self.planted + len(self.own_scores)] = self.own_scores
        faulty = np.arange(len(score)) < self.planted
        strata, of = np.where(faulty, "canaries", "own"), np.where(faulty, self.planted, self.own)
        return Labelled(faulty, strata, of.astype(np.float64), score, np.full(len(score), np.nan))


def suggest(lake: Lake, version: Version, policy: Policy, *, target: float) -> list[Suggestion]:
    """For each rule with a limit on a real-valued measure of the version, of which a label or else a canary tells
    anything. Rules that weigh by a probability are left out, for these are right however low it is. MissingError where
    no example has a label that reviewers agree on, and no canary comes near a limit."""
    faulty = agreed_labels(lake)
    drawn = [row for row in lake.read(SAMPLES).to_pylist() if row["example_id"] in faulty]
    grounds = grounds_of(lake, version, policy)
    flown = _flown(lake, grounds.deliveries)
    suggestions: list[Suggestion] = []
    for rule, limit, near in _near(grounds, sorted({row["example_id"] for row in drawn})):
        labelled, canaries = _labelled(drawn, faulty, near), flown.get(rule.name, CanaryScores())
        if np.isfinite(labelled.score).any():
            suggestions.append(_suggestion(rule, limit, labelled, canaries, by="labels", target=target))
        elif canaries.scores:
            suggestions.append(_suggestion(rule, limit, canaries.labelled, canaries, by="canaries", target=target))
    if not (drawn or suggestions):
        raise MissingError(
            "no example has a label that reviewers agree on, and no canary comes near a limit; `assay sample` and "
            "`assay calibrate` get labels, and a drop of more rows gets canaries"
        )
    return suggestions


def _near(grounds: Grounds, ids: Sequence[str]) -> Iterator[tuple[Rule, Limit, Mapping[str, float]]]:
    """Each rule that has a limit, with it and with the scores of these examples."""
    wanted = pa.array(ids, pa.string())
    for audit in grounds.policy.audits:
        if audit not in grounds.measures:
            continue
        schema = all_audits()[audit].schema
        rules = [(rule, limit_of(rule, schema)) for rule in grounds.policy.rules if rule.audit == audit and _acts(rule)]
        limited = [(rule, limit) for rule, limit in rules if limit is not None]
        if not limited:
            continue
        columns = {column for rule, _ in limited for column in rule.columns}
        known = used(grounds.deliveries, grounds.without, audit)
        rows = read_measures(grounds.lake, audit, identity=grounds.measures[audit], deliveries=known, columns=columns)
        kept = [rows_where(batch, is_in(column_of(batch, "example_id"), wanted)) for batch in rows]
        yield from ((rule, limit, scores(kept, rule, limit)) for rule, limit in limited)


def _acts(rule: Rule) -> bool:
    return rule.action is not Action.KEEP and not isinstance(rule.weight, OneLess)


def _labelled(drawn: Sequence[Row], faulty: Mapping[str, bool], near: Mapping[str, float]) -> Labelled:
    """The labelled examples of all samples: each sample stands for the whole version."""
    return Labelled(
        faulty=np.array([faulty[row["example_id"]] for row in drawn]),
        strata=np.array([f"{row['sample']} {row['stratum']}" for row in drawn]),
        of=np.array([row["stratum_rows"] for row in drawn], dtype=np.float64),
        score=np.array([near.get(row["example_id"], math.nan) for row in drawn]),
        score_mean=np.full(len(drawn), np.nan),
    )


def _suggestion(
    rule: Rule,
    limit: Limit,
    labelled: Labelled,
    canaries: CanaryScores,
    *,
    by: Literal["labels", "canaries"],
    target: float,
) -> Suggestion:
    now = _at(limit.condition, labelled, canaries)
    best = suggested_threshold(threshold_curve(labelled), target=target)
    if best is None:
        return Suggestion(rule.name, by, now, None)
    # Where the limit that stands there does the same to all labelled examples, it stays.
    if _same(labelled, limit, best[0]):
        return Suggestion(rule.name, by, now, now)
    score = _shortened(best[0])
    return Suggestion(rule.name, by, now, _at(limit.at(score), labelled, canaries))


def _at(condition: Condition, labelled: Labelled, canaries: CanaryScores) -> At:
    moved = Limit(condition)
    accuracy = rule_accuracy(labelled, moved.met(labelled.score))
    reached = np.array(canaries.scores)
    caught = float(moved.met(reached).sum()) / canaries.planted if canaries.planted else None
    return At(condition, accuracy.precision, accuracy.recall, caught)


def _same(labelled: Labelled, limit: Limit, score: float) -> bool:
    return bool((limit.met(labelled.score) == (np.nan_to_num(labelled.score, nan=-np.inf) >= score)).all())


def _shortened(score: float) -> float:
    """The score in few digits, no higher than it is: the example that it was taken from still meets it."""
    near = Decimal(f"{score:.{_DIGITS}g}")
    return float(near if float(near) <= score else near.next_minus(Context(prec=_DIGITS)))


def _flown(lake: Lake, deliveries: Sequence[str]) -> dict[str, CanaryScores]:
    """By rule, the canaries of its faults that flew last in these deliveries, and the own rows beside them."""
    flown: defaultdict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in last_flights(lake.read(CANARY_RULES, where={"delivery": list(deliveries)}).to_pylist()):
        if row["own_reached"] is not None:  # flights from before these were counted tell half of it
            flown[row["rule"], row["delivery"]].append(row)
    scores_of: defaultdict[str, CanaryScores] = defaultdict(CanaryScores)
    for (rule, _), rows in sorted(flown.items()):
        scores_of[rule] += CanaryScores(
            sum(row["planted"] for row in rows),
            tuple(score for row in rows for score in row["scores"]),
            rows[0]["own"],
            _own_scores(rows),
        )
    return dict(scores_of)


def _own_scores(rows: Sequence[Row]) -> tuple[float, ...]:
    """Of a delivery, the scores of those own rows that come as near to the limit as some canary: each as high as the
    nearest canary that it passes. The own rows are the same for each fault."""
    counts = {score: count for row in rows for score, count in zip(row["scores"], row["own_reached"], strict=True)}
    own: list[float] = []
    for score in sorted(counts, reverse=True):
        own += [score] * (counts[score] - len(own))
    return tuple(own)
