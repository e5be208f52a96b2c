"""Does curation pay? A small vision-language model, trained on faulty data as it is and as Assay curates it.

    .venv/bin/python -m benchmarks.downstream.pays --work FOLDER [--seeds 10] [--data-seed 11] [--picture FILE.png]

Fixed before the first figure was seen:

- Four conditions of 600 easy-VQA conversations (`drops.py`): `clean`; `noisy` (15 % with another's image, 10 % with all
  answers wrong, 15 % more rows that contradict others in half their answers); `text` (80 % of the rows need no picture:
  three quarters of them have none, the others give their answers away); `preference` (15 % rejected answers as targets,
  of which half have their pairs in the drop, and 15 % with a judge's words after each answer).
- Six ways of meeting them, with the same number of steps each: `none`; `random`, as many rows left out at random as
  Assay leaves out; `assay`, the rows and weights of the version that `assay run` publishes with the shipped settings
  (`curate.py`), shuffled; `assay curriculum` and `assay reversed`, the same rows in the version's own order and from
  back to front, each epoch; `oracle`, without the planted rows (of text, as much as 70 % visual rows leave). In `text`
  also `assay mixed`, with `mix.visual_share: 0.4`, what `mix.most_repeats` and `mix.least_effective` allow.
- SFT of a model on frozen features (`model.py`, `training.py`), then GRPO on 200 clean pictures' questions, once with a
  flawed reward and once with an honest one (`rewards.py`, which says what counts as a hacking incident).
- Tried on 150 other pictures: accuracy (the answer word for word, the likeliest words), with the picture removed, with
  one of another shape and colour; grounding is accuracy less the latter; accuracy on questions that give their answer
  away, without a picture; incidents among 1,000 drawn answers, and the share of these that begin with the truth.
- One draw of the data a run (`--data-seed`); ten seeds of first weights, order, random removal and drawn answers.
  Intervals are of the mean over seeds (Student, 95 %); differences to `none` are paired by seed. They say nothing of
  other draws of the data.

A random removal of nothing, and a version that keeps every row in full, are `none` and not trained again. The lengths
of training were chosen on clean rows of the train split before (`training.Lengths`), and made shorter once, with fewer
pictures to try, when 17 cells had shown that the machine was too busy for them. Each cell is a line of
`FOLDER/cells.jsonl`; a run goes on where the last one ended.
"""

import argparse
import json
from pathlib import Path

import torch

from benchmarks.downstream.cells import Bench, Sizes
from benchmarks.downstream.drops import CONDITIONS
from benchmarks.downstream.tables import draw, table
from benchmarks.downstream.training import Lengths

VARIANTS = ("none", "random", "assay", "assay curriculum", "assay reversed", "oracle")
DATA_SEED = 11


def variants_of(condition: str) -> list[str]:
    """What is done about the condition; a clean drop's oracle is `none`."""
    if condition == "clean":
        return [variant for variant in VARIANTS if variant != "oracle"]
    return [*VARIANTS, "assay mixed"] if condition == "text" else list(VARIANTS)


def is_new(bench: Bench, variant: str) -> bool:
    """Whether it differs from `none`: random removal of nothing does not, nor does a version that keeps all in full."""
    same = set(bench.rows(variant, 0)[0]) == set(bench.rows("none", 0)[0])
    return variant not in ("random", "assay") or not same or min(bench.rows(variant, 0)[1]) < 1


def measured(
    work: Path, conditions: list[str], seeds: int, *, sizes: Sizes, lengths: Lengths, data_seed: int
) -> list[dict[str, object]]:
    """Every cell, those that `work/cells.jsonl` lacks trained now, all conditions of a seed before the next seed."""
    work.mkdir(parents=True, exist_ok=True)
    kept = work / "cells.jsonl"
    cells = [json.loads(line) for line in kept.read_text("utf-8").splitlines()] if kept.exists() else []
    done = {(cell["condition"], cell["variant"], cell["seed"]) for cell in cells}
    benches: dict[str, Bench] = {}
    for seed in range(seeds):
        for condition in conditions:
            for variant in variants_of(condition):
                if (condition, variant, seed) in done:
                    continue
                if condition not in benches:
                    benches[condition] = Bench(work, condition, sizes=sizes, lengths=lengths, data_seed=data_seed)
                if not is_new(benches[condition], variant):
                    continue
                cells.append(benches[condition].cell(variant, seed))
                with kept.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(cells[-1]) + "\n")
    return [cell for cell in cells if cell["condition"] in conditions and cell["seed"] < seeds]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--conditions", nargs="+", choices=CONDITIONS, default=list(CONDITIONS))
    parser.add_argument("--data-seed", type=int, default=DATA_SEED, help="another draw of the data, in another FOLDER")
    parser.add_argument("--picture", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    lengths = Lengths()
    cells = measured(
        options.work, options.conditions, options.seeds, sizes=Sizes(), lengths=lengths, data_seed=options.data_seed
    )
    print("\n".join(table(cells)))
    if options.picture:
        draw(cells, options.picture)


if __name__ == "__main__":
    main()
