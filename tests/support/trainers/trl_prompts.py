"""TRL, GRPO: every prompt of the file goes alone through the tokenization of GRPOTrainer, and through the processor as
before its loss."""

import os
import sys
from pathlib import Path
from typing import Any

from datasets import Dataset
from read_row import count
from trl_alone import each_alone
from trl_grpo_trainer import asked, trainer_over


def main(model: str, rows: str) -> None:
    other = Dataset.from_list([{"prompt": [{"role": "user", "content": "Is it so?"}]}] * 2)
    trainer = trainer_over(other, model, str(Path(rows).parent / "run"))

    def read(row: dict[str, Any]) -> dict[str, Any]:
        ids, _, grid = asked(row, trainer)
        return count(ids, None, grid)

    each_alone(rows, read)


if __name__ == "__main__":
    os.chdir(Path(sys.argv[2]).parent)
    main(*sys.argv[1:])
