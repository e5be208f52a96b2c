"""ms-swift's own loading of a file of hostile rows, and its template."""

from pathlib import Path
from typing import Any

from read_row import say
from swift.dataset import load_dataset
from swift.model import get_processor
from swift.template import get_template


def template_of(model: str, most: str, truncation: str) -> Any:
    """The template of a Qwen2.5-VL, which cuts at so many tokens."""
    processor = get_processor(model, model_type="qwen2_5_vl")
    return get_template(processor, template_type="qwen2_5_vl", max_length=int(most), truncation_strategy=truncation)


def loaded(rows: str, **settings: Any) -> Any:
    """The rows that are left of the file, whose numbers are in `channel`; of the others it says that they are
    dropped."""
    left, _ = load_dataset([rows], load_from_cache_file=False, **settings)
    there = {int(number) for number in left["channel"]}
    for number in sorted(set(range(Path(rows).read_text("utf-8").count("\n"))) - there):
        say(number, {"outcome": "dropped"})
    return left
