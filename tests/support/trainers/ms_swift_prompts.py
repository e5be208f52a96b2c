"""ms-swift, GRPO: the file is loaded, then every prompt is encoded as before it is answered: with `raise` (truncation
delete) by the function that puts others in the place of those that fail, with `left` as transformers' sampling does."""

import copy
import os
import sys
from itertools import repeat
from pathlib import Path
from typing import Any

from ms_swift_reader import loaded, template_of
from read_row import count, say
from swift.rl_core.resample import resample_encode_failed_inputs
from swift.utils import remove_response

OTHER = {"messages": [{"role": "user", "content": "Is it so?"}], "channel": "other"}


def main(model: str, rows: str, most: str, truncation: str) -> None:
    template = template_of(model, most, truncation)
    template.set_mode("train" if truncation == "raise" else "transformers")
    for row in loaded(rows, remove_unused_columns=False):
        say(row["channel"], outcome(row, template, truncation))


def outcome(row: dict[str, Any], template: Any, truncation: str) -> dict[str, Any]:
    if truncation == "raise":
        (taken,) = resample_encode_failed_inputs(template, repeat([copy.deepcopy(OTHER)]), [copy.deepcopy(row)])
        if taken["channel"] != row["channel"]:
            return {"outcome": "replaced"}
    remove_response(row["messages"])
    try:
        encoded = template.encode(row)
    except Exception as error:  # whatever it is, it would stop the run
        return {"outcome": "crashed", "error": repr(error)[:200]}
    return count(encoded["input_ids"], None, encoded.get("image_grid_thw"))


if __name__ == "__main__":
    os.chdir(Path(sys.argv[2]).parent)
    main(*sys.argv[1:])
