"""How right the audits of RL prompts are: prompts about photos with faults planted by seed, run as one delivery.

    .venv/bin/python -m benchmarks.prompt_accuracy --photos ../shared/data/photos --work FOLDER
        [--seed 101] [--shuffled]

`FOLDER/prompts` gets verl rows (how many things of a category a photo shows, and whether it shows any) and, in a file
beside them, preference pairs of captions; `FOLDER/taught` gets SFT rows that ask what some prompts ask, and
`FOLDER/held_out` is an evaluation set of other prompts. `assay run` reads all of it into `FOLDER/lake`, with the mini
encoder; the table counts, for each fault, what was planted, what the policy's rule named of it, and what else it named.
Of `blind_prompt` the rest is no false alarm for certain: where nearly every photo of people shows several, the question
tells. `--shuffled` deals the truths of each kind of question out at random, so that no question tells anything and
every prompt called blind but the planted ones is called so wrongly. The report of the version stays in the lake.
"""

import argparse
import json
import shutil
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from ops.core.version_schemas import VERDICTS
from resources.lake.tables import Lake

_MOST_COUNTED = 6
_ROLLOUTS = 8
_KNOWN = (
    ("How many minutes are in an hour?", "60"),
    ("How many days are in a week?", "7"),
    ("How many legs does a spider have?", "8"),
    ("Is ice colder than steam?", "yes"),
    ("Is a mouse larger than a whale?", "no"),
)
RULES = {
    "unreadable": "unreadable_truth",
    "contradictory": "split_truth",
    "told": "truth_in_prompt",
    "swapped rewards": "rewards_against_truth",
    "always right": "always_solved",
    "never right": "never_solved",
    "taught": "taught_prompt",
    "held out": "benchmark_leak",
    "blind": "blind_prompt",
}


@dataclass(slots=True)
class Asked:
    """A prompt to be written: its photo, what is asked and right, the rewards of its rollouts, and the fault."""

    photo: str
    question: str
    truth: str
    kind: str
    fault: str = ""
    passes: list[bool] = field(default_factory=list)
    hint: str = ""

    def row(self, name: str) -> dict[str, Any]:
        """As verl has it, with rollouts."""
        wrong = {"yes": "no", "no": "yes"}.get(self.truth, "0")
        right = [passed != (self.fault == "swapped rewards") for passed in self.passes]
        return {
            "id": name,
            "data_source": f"photos/{self.kind}",
            "prompt": [{"role": "user", "content": f"<image>{self.hint}{self.question}"}],
            "images": [self.photo],
            "reward_model": {"style": "number" if self.kind == "counts" else "string", "ground_truth": self.truth},
            "responses": [self.truth if is_right else wrong for is_right in right],
            "rewards": [float(passed) for passed in self.passes],
        }


def asked_of(objects: list[dict[str, Any]], rng: Random) -> list[Asked]:
    """Counts of the categories in each photo, and two things it shows and two that it does not."""
    categories = sorted({seen["category"] for photo in objects for seen in photo["objects"]})
    asked: list[Asked] = []
    for photo in objects:
        counts = Counter(seen["category"] for seen in photo["objects"])
        for category in sorted(counts):
            if counts[category] <= _MOST_COUNTED:
                question = f"How many objects of the category {category} are in the picture?"
                asked.append(Asked(photo["image"], question, str(counts[category]), "counts"))
        absent = rng.sample([category for category in categories if category not in counts], 2)
        for category in [*rng.sample(sorted(counts), min(2, len(counts))), *absent]:
            truth = "yes" if category in counts else "no"
            asked.append(Asked(photo["image"], f"Does the picture show a {category}?", truth, "presence"))
    rng.shuffle(asked)
    return asked


def shuffle_truths(asked: list[Asked], rng: Random) -> None:
    """Deals the truths of each kind of question out at random."""
    for kind in ("counts", "presence"):
        rows = [row for row in asked if row.kind == kind]
        truths = rng.sample([row.truth for row in rows], len(rows))
        for row, truth in zip(rows, truths, strict=True):
            row.truth = truth


def plant(asked: list[Asked], rng: Random) -> list[Asked]:
    """Faults in rows of `asked`, one each; rows that are added are returned with them."""
    sound = {kind: [row for row in asked if row.kind == kind] for kind in ("counts", "presence")}
    for row in asked:
        row.passes = [True, False, *(rng.random() < 0.5 for _ in range(_ROLLOUTS - 2))]

    def take(kind: str, count: int, fault: str) -> list[Asked]:
        taken = [sound[kind].pop() for _ in range(count)]
        for row in taken:
            row.fault = fault
        return taken

    for row in take("counts", 16, "unreadable"):
        row.truth = "several"
    contradicted = take("counts", 8, "contradictory")
    for row in take("counts", 10, "told"):
        row.hint = f"The correct answer is {row.truth}. "
    take("presence", 8, "swapped rewards")
    for row in take("presence", 10, "always right"):
        row.passes = [True] * _ROLLOUTS
    for row in take("presence", 10, "never right"):
        row.passes = [False] * _ROLLOUTS
    take("presence", 8, "taught")
    take("presence", 6, "held out")
    added = [Asked(r.photo, r.question, str(int(r.truth) + 1), r.kind, r.fault, r.passes) for r in contradicted]
    photos = sorted({row.photo for row in asked})
    for question, truth in _KNOWN:
        kind = "counts" if truth.isdigit() else "presence"
        for photo in rng.sample(photos, 8):
            added.append(Asked(photo, question, truth, kind, "blind", [True, False] * (_ROLLOUTS // 2)))
    return [*asked, *added]


def write(folder: Path, rows: list[dict[str, Any]], photos: Path, name: str = "rows.jsonl") -> None:
    """A drop of these rows and the photos."""
    shutil.copytree(photos / "images", folder / "images", dirs_exist_ok=True)
    (folder / name).write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")


def write_drops(work: Path, photos: Path, asked: list[Asked], rng: Random) -> None:
    """The three folders, and the settings."""
    names = {f"p{n:04d}": row for n, row in enumerate(asked)}
    write(work / "prompts", [row.row(name) for name, row in names.items()], photos)
    lines = [json.loads(line) for line in (photos / "captions.jsonl").read_text("utf-8").splitlines()]
    pairs = [
        {
            "prompt": [{"role": "user", "content": "<image>Describe the picture."}],
            "chosen": [{"role": "assistant", "content": line["captions"][0]}],
            "rejected": [{"role": "assistant", "content": rng.choice(lines)["captions"][1]}],
            "images": [line["image"]],
        }
        for line in lines
    ]
    write(work / "prompts", pairs, photos, "pairs.jsonl")
    for folder, fault in (("taught", "taught"), ("held_out", "held out")):
        rows = [
            {
                "messages": [
                    {"role": "user", "content": f"<image>{row.question}"},
                    {"role": "assistant", "content": row.truth},
                ],
                "images": [row.photo],
            }
            for row in asked
            if row.fault == fault
        ]
        write(work / folder, rows, photos)
    settings = {"audits": {"benchmark_leaks": {"sets": {"held_out": str((work / "held_out").resolve())}}}}
    (work / "assay.yaml").write_text(json.dumps(settings), "utf-8")


def table(lake: Lake, asked: list[Asked]) -> list[str]:
    """Lines of a Markdown table: by fault, what its rule named."""
    reasons: dict[str, set[str]] = {}
    for row in lake.read(VERDICTS, where={"version": 1}).to_pylist():
        if row["source_id"].startswith("p"):
            reasons[row["source_id"]] = {reason["rule"] for reason in row["reasons"] or ()}
    lines = ["| fault | rule | planted | named | others named |", "|---|---|--:|--:|--:|"]
    for fault, rule in RULES.items():
        named = {name for name, rules in reasons.items() if rule in rules}
        planted = {f"p{n:04d}" for n, row in enumerate(asked) if row.fault == fault}
        lines.append(f"| {fault} | `{rule}` | {len(planted)} | {len(planted & named)} | {len(named - planted)} |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=101)
    parser.add_argument("--shuffled", action="store_true")
    options = parser.parse_args()
    rng = Random(options.seed)  # noqa: S311 - a seeded measurement
    objects = [json.loads(line) for line in (options.photos / "objects.jsonl").read_text("utf-8").splitlines()]
    asked = asked_of(objects, rng)
    if options.shuffled:
        shuffle_truths(asked, rng)
    asked = plant(asked, rng)
    write_drops(options.work, options.photos, asked, rng)
    lake = options.work / "lake"
    command = [sys.executable, "-c", "from pipelines.cli import main; main()", "run"]
    command += [str(options.work / "prompts"), str(options.work / "taught")]
    command += ["--lake", str(lake), "--config", str(options.work / "assay.yaml")]
    subprocess.run(command, check=True)
    print(f"{len(asked)} prompts, seed {options.seed}{', truths shuffled' if options.shuffled else ''}")
    print("\n".join(table(Lake(lake), asked)))


if __name__ == "__main__":
    main()
