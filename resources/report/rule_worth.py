"""What each rule of a version is worth: by the reasons of its verdicts, the canaries of its drops, and labels."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from ops.canaries.outcome import last_flights
from ops.core.log import Row
from ops.core.measure_schemas import CANARY_RULES
from ops.core.version_schemas import VERDICTS
from ops.decision.policy import DECISION, Action
from ops.decision.rule_worth import Caught, RuleSets, RuleWorth, caught_of, rule_sets, worth_of
from resources.lake.shares import Share, View, rows_kept, shares_of
from resources.lake.tables import Lake
from resources.report.rule_figures import stored_rules
from resources.versions.agreed_labels import agreed_labels
from resources.versions.publishing import version_of


def rules_worth(lake: Lake, number: int) -> list[RuleWorth]:
    """The rules of the version's policy, those first that alone keep most out or weigh most down. PublishError where
    there is no such version."""
    version = version_of(lake, number)
    rules = stored_rules(version.row)
    deliveries: list[str] = list(version.row["deliveries"] or ())
    actions = {rule["name"]: Action(rule["action"]) for rule in rules}
    sets = _sets(lake, number, deliveries, sorted([*actions, DECISION]))
    labelled = labelled_rules(lake, number, agreed_labels(lake))
    caught = caught_canaries(lake, deliveries)
    counted = version.counts.get("actions", {})
    worths = [
        replace(
            worth_of(rule["name"], rule["audit"], actions, sets, counted),
            canaries=caught.get(rule["name"], Caught()),
            labels=caught_of(rule["name"], labelled[True], actions),
            sound=caught_of(rule["name"], labelled[False], actions),
        )
        for rule in rules
    ]
    return sorted(worths, key=lambda worth: (-worth.removed_alone - worth.weighed_alone, -worth.examples, worth.rule))


def _sets(lake: Lake, number: int, deliveries: Sequence[str], rules: Sequence[str]) -> RuleSets:
    kept = rows_kept(lake, deliveries)
    from resources.engines.tasks import tasks_for  # with Ray, which takes half a second to import

    tasks = tasks_for(sum(kept.values()), lake)
    calls = [tasks.call(_share_sets, lake, number, share, rules) for share in shares_of(kept)]
    return sum(tasks.values(calls), RuleSets())


def _share_sets(lake: Lake, number: int, share: Share, rules: Sequence[str]) -> RuleSets:
    columns = ["example_id", "action", "reasons"]
    return rule_sets(View(lake, {}, share).batches(VERDICTS, where={"version": number}, columns=columns), rules)


def labelled_rules(lake: Lake, number: int, faulty: Mapping[str, bool]) -> dict[bool, list[frozenset[str]]]:
    """The rules of the version that speak of each labelled example, of faulty (True) and of sound ones."""
    where = {"version": number, "example_id": sorted(faulty)}
    rows: list[Row] = lake.read(VERDICTS, where=where, columns=["example_id", "reasons"]).to_pylist() if faulty else []
    rules: dict[bool, list[frozenset[str]]] = {True: [], False: []}
    for row in rows:
        spoken = {reason["rule"] for reason in row["reasons"] or ()} - {DECISION}
        rules[faulty[row["example_id"]]].append(frozenset(spoken))
    return rules


def caught_canaries(lake: Lake, deliveries: Sequence[str]) -> dict[str, Caught]:
    """By rule, what it caught of the canaries of these deliveries when they last flew."""
    caught: dict[str, Caught] = {}
    for row in last_flights(lake.read(CANARY_RULES, where={"delivery": list(deliveries)}).to_pylist()):
        own = Caught(row["planted"], row["caught"], row["alone"])
        caught[row["rule"]] = caught.get(row["rule"], Caught()) + own
    return caught
