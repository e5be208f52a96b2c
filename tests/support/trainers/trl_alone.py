"""TRL: a file is read by `datasets` with an Image column, and each of its rows goes alone through one of TRL's own
steps."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from datasets import Image, List, load_dataset
from read_row import say


def each_alone(rows: str, read: Callable[[dict[str, Any]], dict[str, Any]], columns: Sequence[str] = ()) -> None:
    """Says what `read` counts of each row (`columns` of it; empty: all), or that it crashed there."""
    loaded = load_dataset("json", data_files=rows, split="train", cache_dir=str(Path(rows).parent / "cache"))
    with_images = loaded.cast_column("images", List(Image()))
    chosen = with_images.select_columns(list(columns)) if columns else with_images
    for place, row in enumerate(loaded["channel"]):
        try:
            result = read(chosen[place])
        except Exception as error:  # whatever it is, it would stop the run
            result = {"outcome": "crashed", "error": repr(error)[:200]}
        say(row, result)
