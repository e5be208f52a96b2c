"""The datasheet of a version: what is in it, what was removed and why, by group. Markdown; nothing of the data is
markup in it."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence

from ops.exports.contract import PREFERENCE, Export, Facts, GroupRemoval, Reached, Removal, ShardDone

_ACTIONS = ("keep", "downweight", "hold", "drop")


def datasheet(facts: Facts, shards: Sequence[ShardDone], export: Export) -> str:
    """The whole page."""
    parts = [
        f"# Curated version {facts.version}\n",
        f"Made {facts.made_at}. Content `{facts.content}`, policy `{facts.policy}`, code `{plain(facts.code)}`, "
        f"encoder `{plain(facts.encoder)}`.\n",
        "## What is here\n",
        _table(("kind", "stage", "rows", "left out by the format"), _stages(shards)),
        _order(facts),
        _weights(facts),
        _left_out(facts, shards),
        _flips(facts, shards),
        f"## How to read it\n\n{export.recipe}",
        "## What was kept and removed, by dataset\n",
        "`hold` and `drop` are not in the version; `downweight` is, with a weight below 1.\n",
        _table(("dataset", "kind", "examples", *_ACTIONS, "removed"), _removals(facts.removals)),
        *_by_group(facts.by_group),
        "## Why\n",
        "Examples that each rule of the policy reached, by dataset and by what became of them in the end. An example "
        "that several rules reached counts for each.\n",
        _table(("rule", "audit", "reason", "dataset", "action", "examples"), _reasons(facts.reasons)),
        "## Licences\n",
        _table(("drop", "licence"), [(drop, said or "none declared") for drop, said in sorted(facts.licences.items())]),
    ]
    return "\n".join(part for part in parts if part)


def plain(value: object) -> str:
    """A value as text that Markdown and HTML leave as it is, on one line."""
    text = re.sub(r"\s+", " ", str(value))
    return re.sub(r"([\\`*_{}\[\]()#|~<>&!])", r"\\\1", text).replace("\\<", "&lt;").replace("\\>", "&gt;")


def yaml_text(text: str) -> str:
    """A text as a YAML scalar: JSON's strings are YAML's."""
    return json.dumps(text, ensure_ascii=True)


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    lines += [f"| {' | '.join(f'{v:,}' if isinstance(v, int) else plain(v) for v in row)} |" for row in rows]
    return "\n".join(lines) + "\n"


def _stages(shards: Sequence[ShardDone]) -> list[tuple[str, int, int, int]]:
    rows: Counter[tuple[str, int]] = Counter()
    out: Counter[tuple[str, int]] = Counter()
    for done in shards:
        key = (done.shard.kind, done.shard.stage)
        rows[key] += done.rows
        out[key] += sum(done.left_out.values())
    return [(*key, rows[key], out[key]) for key in sorted(rows)]


def _order(facts: Facts) -> str:
    if facts.order == "own":
        return ""
    return f"A control: these are the rows of the curriculum in {facts.order} order, in stages of the same sizes.\n"


def _weights(facts: Facts) -> str:
    if not facts.repeats:
        return "The weight of a row stands in its column `weight`; no row is repeated for it.\n"
    return f"Weights are repeats: an example of weight w stands w × {facts.repeats} times at each of its places.\n"


def _left_out(facts: Facts, shards: Sequence[ShardDone]) -> str:
    reasons = Counter(facts.left_out)
    for done in shards:
        reasons.update(done.left_out)
    return "".join(f"- {count:,} rows were left out: {plain(reason)}.\n" for reason, count in sorted(reasons.items()))


def _flips(facts: Facts, shards: Sequence[ShardDone]) -> str:
    if not any(done.shard.kind == PREFERENCE and done.rows for done in shards):
        return ""
    flips = facts.flips
    if flips is None:
        return "No pair was judged by two voters, so that nothing tells how many preferences are flipped.\n"
    return (
        f"A preference is flipped with an estimated probability of {flips.probability:.3f} (95 % interval "
        f"{flips.low:.3f} to {flips.high:.3f}), from the disagreement over {flips.pairs:,} pairs that several voters "
        "judged. It is of the judgements as they came: where the policy took contradicting ones out, fewer are left. "
        'For TRL\'s robust DPO: `loss_type=["robust"]`, '
        f"`label_smoothing={min(flips.probability, 0.499):.3f}`.\n"
    )


def _by_group(groups: Sequence[GroupRemoval]) -> list[str]:
    if not groups:
        return []
    rows = [
        (
            row["family"],
            row["group"] or "unnamed",
            row["examples"],
            row["removed"],
            f"{row['odds_ratio']:.2f} ({row['odds_low']:.2f} to {row['odds_high']:.2f})",
            row["override"] or "nobody",
        )
        for row in groups
    ]
    head = ("by", "group", "examples", "removed", "odds ratio (95 %)", "let pass by")
    words = (
        "Groups that lost more than the rest of the same source by more than chance (datasets: than each other), in a "
        "sample of the corpus. What is left speaks less of them than what came in. A group with more faults loses "
        "more; whether rightly, these figures do not tell.\n"
    )
    return ["## Removed from whom\n", words, _table(head, rows)]


def _removals(removals: Sequence[Removal]) -> list[tuple[str | int, ...]]:
    rows = sorted(removals, key=lambda row: (str(row["dataset"]), row["kind"]))
    return [
        (
            row["dataset"] or "unnamed",
            row["kind"],
            row["examples"],
            row["keep"],
            row["downweight"],
            row["hold"],
            row["drop"],
            f"{100 * (row['hold'] + row['drop']) / max(1, row['examples']):.1f} %",
        )
        for row in rows
    ]


def _reasons(reasons: Sequence[Reached]) -> list[tuple[str | int, ...]]:
    rows = sorted(reasons, key=lambda row: (row["rule"], str(row["dataset"]), row["action"]))
    return [
        (row["rule"], row["audit"], row["detail"], row["dataset"] or "unnamed", row["action"], row["examples"])
        for row in rows
    ]
