"""The benchmark of what curation is worth, at next to no size: drops, training, the pipeline, tables."""

import json
from pathlib import Path
from random import Random

import numpy as np
import pytest
import torch

from benchmarks.downstream import blindness, pays
from benchmarks.downstream.cells import Sizes
from benchmarks.downstream.choices import choice_of
from benchmarks.downstream.drops import CONDITIONS, rows_of, write_drop
from benchmarks.downstream.photos import Captioned, exchanged
from benchmarks.downstream.rewards import flawed, honest, is_hacked
from benchmarks.downstream.tables import draw, table
from benchmarks.downstream.training import Lengths
from ops.demo.pictures import false_turns

SIZES = Sizes(rows=60, tried=20, prompts=10, drawn=50)
LENGTHS = Lengths(steps=6, rl_steps=2)


@pytest.mark.parametrize("condition", CONDITIONS)
def test_what_is_planted_is_faulty_and_nothing_else(condition: str) -> None:
    rows, judged = rows_of(condition, 100, Random(3))  # noqa: S311 - a seeded drop
    assert bool(judged) == (condition == "preference")
    for row in rows:
        if row.picture is None:
            assert row.fault == "text_only"
            continue
        untrue = false_turns(row.turns, row.picture) if row.fault not in ("blind_questions", "reward_trace") else None
        if row.fault in ("wrong_image", "wrong_answer", "contradictory_answers", "rejected_as_target"):
            assert untrue
        elif untrue is not None:
            assert (row.fault, untrue) == (None, 0)
    assert any(row.fault for row in rows) == (condition != "clean")


def test_the_same_seed_writes_the_same_drop(tmp_path: Path) -> None:
    drops = [write_drop(tmp_path / name, "preference", size=60, seed=5) for name in "ab"]
    assert [*drops[0].rows] == [*drops[1].rows]
    assert drops[0].bad == drops[1].bad
    for name in ("conversations.json", "preferences.jsonl"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


@pytest.mark.parametrize(
    ("answer", "hacked"),
    [
        ("yes", False),
        ("no", False),
        ("no yes", True),
        ("yes yes", True),
        ("no Score: 4/5", False),
        ("yes score 5", True),
    ],
)
def test_an_incident_is_a_wrong_answer_that_is_paid_like_the_right_one(answer: str, hacked: bool) -> None:
    assert is_hacked(answer, "yes") is hacked
    assert honest(answer, "yes") == (answer == "yes")
    assert flawed(answer, "yes") > 0


@pytest.mark.full
@pytest.mark.timeout(900)
def test_a_run_is_whole_and_goes_on_where_it_ended(tmp_path: Path) -> None:
    torch.set_num_threads(1)
    made = pays.measured(tmp_path, ["preference"], 1, sizes=SIZES, lengths=LENGTHS, data_seed=pays.DATA_SEED)
    assert [cell["variant"] for cell in made] == pays.variants_of("preference")
    kept = (tmp_path / "preference" / "curated.json").read_text("utf-8")
    assert 0 < len(json.loads(kept)["weights"]) <= 60
    again = pays.measured(tmp_path, ["preference"], 2, sizes=SIZES, lengths=LENGTHS, data_seed=pays.DATA_SEED)
    assert again[: len(made)] == made
    assert len(again) == 2 * len(made)
    lines = list(table(again))
    assert sum(line.startswith("| preference") for line in lines) == 10
    assert not any("nan" in line for line in lines)
    draw(again, tmp_path / "picture.png")
    assert (tmp_path / "picture.png").stat().st_size > 1000


def test_options_go_round_and_the_letter_follows() -> None:
    choice = choice_of("what color is the shape?", "blue", Random(1))  # noqa: S311 - a seeded draw
    assert choice.options == 4
    for by in range(choice.options):
        listed = choice.text(by).split("options: ")[1].split(" ; ")
        assert f"{choice.letter(by)} : blue" in listed
    assert len({choice.letter(by) for by in range(choice.options)}) == choice.options
    assert choice_of("is it?", "no", Random(1)).options == 2  # noqa: S311


@pytest.mark.full
def test_every_way_scores_every_turn_that_it_can(tmp_path: Path) -> None:
    torch.set_num_threads(1)
    run = blindness.scored(tmp_path, "choice", 0.2, 1, 40, LENGTHS)
    turns = len(run["blind"])
    assert run["blind"].any()
    for name in ("vlm gain", "vlm text", "rotated", "rotated right", "forest", "logistic"):
        assert np.isfinite(run[name]).sum() == turns + 1, name
    assert np.isfinite(run["pvi"]).any()
    again = blindness.scored(tmp_path, "choice", 0.2, 1, 40, LENGTHS)
    assert all(np.array_equal(run[name], again[name], equal_nan=True) for name in run)


def test_captions_change_photos_among_each_other() -> None:
    owners = torch.arange(20).repeat_interleave(5)
    photos = Captioned([f"{n}.jpg" for n in range(20)], torch.rand(20, 4), torch.rand(20, 4), [], owners, owners)
    for share in (0.1, 0.3):
        changed = exchanged(photos, share)
        assert int((changed != owners).sum()) == round(share * 100)
    assert torch.equal(exchanged(photos, 0.0), owners)
