"""axolotl: every row goes alone through the processing strategy and the collator of its multimodal trainings. The last
argument is the rows' shape: `column`, as the file has them, or `parts`, with the pictures in the parts of the messages,
as an export has them; of rows that name more pictures than they show, or fewer, nothing is said then."""

import json
import os
import sys
from pathlib import Path
from typing import Any

# Beside this script may lie one of the name `axolotl`: the trainer is found before it.
sys.path.append(sys.path.pop(0))

from axolotl.processing_strategies import get_processing_strategy
from axolotl.utils.collators.mm_chat import MultiModalChatDataCollator
from read_row import count, say
from transformers import AutoProcessor


def main(model: str, rows: str, shape: str) -> None:
    processor = AutoProcessor.from_pretrained(model)
    strategy = get_processing_strategy(processor, processor.tokenizer.chat_template, "qwen2_vl")
    collate = MultiModalChatDataCollator(tokenizer=processor.tokenizer, processing_strategy=strategy)
    for line in Path(rows).read_text("utf-8").split("\n"):
        if not line:
            continue
        row = json.loads(line)
        number = row.pop("channel")
        if shape == "parts" and line.count("<image>") != len(row["images"]):
            continue
        if shape == "parts":
            row = parts_of(row)
        elif not row["images"]:  # as in an export, which has no such column; an empty list stops the run
            del row["images"]
        try:
            batch = collate([row])
        except Exception as error:  # whatever it is, it would stop the run
            say(number, {"outcome": "crashed", "error": repr(error)[:200]})
            continue
        ids, labels = batch["input_ids"][0].tolist(), batch["labels"][0].tolist()
        say(number, count(ids, labels, batch.get("image_grid_thw")))


def parts_of(row: dict[str, Any]) -> dict[str, Any]:
    """The row with its pictures in the parts of its messages."""
    paths = iter(row["images"])
    messages: list[dict[str, Any]] = []
    for message in row["messages"]:
        content: Any = message["content"]
        if isinstance(content, str):
            content = []
            for at, text in enumerate(message["content"].split("<image>")):
                content += [{"type": "image", "path": next(paths)}] if at else []
                content += [{"type": "text", "text": text}] if text else []
        messages.append({"role": message["role"], "content": content})
    return {"messages": messages}


if __name__ == "__main__":
    os.chdir(Path(sys.argv[2]).parent)
    main(*sys.argv[1:])
