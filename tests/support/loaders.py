"""Trainers' own loaders, each in an environment of its own, and what they make of an export.

A loaded row is an object with `pictures` (the SHA-256 of each picture's size and pixels) and, for a trainer that
tokenizes, `text` (all its tokens as text) and `targets` (the texts that carry loss, one for each run of tokens); for a
pair these stand twice, as `chosen_text`, `rejected_text`, ...; `label` is that of a judged answer, `weighed` are the
targets in runs of one weight, with it, where the trainer has some, and `stage` is the trainer's word for what the row
was loaded for.
"""

import hashlib
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

ROOT = Path(__file__).parents[2]
SCRIPTS = Path(__file__).parent / "trainers"


INSTALLED = ("trl", "trl-grpo", "qwen-vl", "internvl", "easyr1")
"""Trainers whose scripts need no environment of their own: TRL is in this one, and the scripts of the others, which
come as no package, are readers written after their code."""


def trainer_python(name: str) -> Path:
    """The Python that has the trainer; the test is skipped where `make trainers` has not made it."""
    if name in INSTALLED:
        return Path(sys.executable)
    python = ROOT / f".venv-{name}" / "bin" / "python"
    if not python.exists():
        pytest.skip(f"{python.parent.parent.name} is missing: `make trainers` makes it")
    return python


def load(
    trainer: str,
    *arguments: str | Path,
    scratch: Path,
    folder: Path | None = None,
    settings: Mapping[str, str] | None = None,
) -> list[Any]:
    """The rows that the trainer's loader yields when it is run in `folder`. `trainer` names both its environment and
    its script."""
    script = SCRIPTS / f"{trainer.replace('-', '_')}_loader.py"
    command = [str(trainer_python(trainer)), str(script), *map(str, arguments)]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env=os.environ | offline(scratch) | (settings or {}),
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return [json.loads(line) for line in done.stdout.split("\n") if line.startswith("{")]


def offline(scratch: Path) -> dict[str, str]:
    """Nothing is fetched, and caches go with the test."""
    home = str(scratch / "cache")
    caches = dict.fromkeys(("HF_HOME", "HF_DATASETS_CACHE", "MODELSCOPE_CACHE", "XDG_CACHE_HOME"), home)
    return {
        **caches,
        "HF_HUB_OFFLINE": "1",
        "HF_DATASETS_OFFLINE": "1",
        "CUDA_VISIBLE_DEVICES": "",
        "WANDB_MODE": "off",
    }


def picture_digest(data: bytes) -> str:
    """The digest that the scripts give for a picture's bytes."""
    with Image.open(io.BytesIO(data)) as image:
        rgb = image.convert("RGB")
    return hashlib.sha256(f"{rgb.size}".encode() + rgb.tobytes()).hexdigest()


def with_placeholders(text: str) -> str:
    """The text with one `<image>` for each picture's run of tokens, as Qwen2-VL writes them."""
    return re.sub(r"<\|vision_start\|>(<\|image_pad\|>)+<\|vision_end\|>", "<image>", text)


def qwen_text(turns: list[tuple[str, str]]) -> str:
    """Turns of role and text as Qwen's template writes them."""
    return "".join(f"<|im_start|>{role}\n{text}<|im_end|>\n" for role, text in turns)
