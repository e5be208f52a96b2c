"""InternVL's trainer, which comes as no package: `LazySupervisedDataset`, `dynamic_preprocess` and
`preprocess_internvl2_5`, written anew after internvl/train/internvl_chat_finetune.py and dataset.py; the tokenizer is
transformers' own. A row that raises there is replaced by another, which is not looked at here."""

import json
import os
import sys
from pathlib import Path
from typing import Any

from internvl_reader import turn_tokens
from loaded_rows import IGNORED
from PIL import Image
from read_row import say
from transformers import AutoTokenizer

SIDE, TILES, TILE_TOKENS = 448, 12, 256
START, CONTEXT, STOP = "<img>", "<IMG_CONTEXT>", "</img>"
NAMES = {"user": "human", "assistant": "gpt"}
SYSTEM = "你是书生·万象，英文名是InternVL，是由上海人工智能实验室、清华大学及多家合作单位联合开发的多模态大语言模型。"


def main(model: str, rows: str, most: str) -> None:
    tokenizer = AutoTokenizer.from_pretrained(model)
    for line in Path(rows).read_text("utf-8").split("\n"):
        if not line:
            continue
        row = json.loads(line)
        try:
            result = outcome(row, tokenizer, int(most))
        except Exception as error:  # whatever it is
            result = {"outcome": "replaced", "error": repr(error)[:200]}
        say(row["channel"], result)


def outcome(row: dict[str, Any], tokenizer: Any, most: int) -> dict[str, Any]:
    turns = [{"from": NAMES.get(one["role"], one["role"]), "value": one["content"]} for one in row["messages"]]
    paths = row["images"]
    if len(paths) == 1 and "<image>" not in turns[0]["value"]:  # the row's image is a path, not a list of them
        turns[0]["value"] = "<image>\n" + turns[0]["value"]
    tiles = [tiles_of(Image.open(path).convert("RGB"), max(1, TILES // len(paths))) for path in paths]
    ids, labels = tokens_of(turns, tiles, tokenizer)
    ids, labels = ids[:most], labels[:most]
    if paths and ids.count(tokenizer.convert_tokens_to_ids(STOP)) != len(paths):
        raise ValueError("image tokens are truncated")
    return {
        "outcome": "read",
        "tokens": len(ids),
        "image_tokens": ids.count(tokenizer.convert_tokens_to_ids(CONTEXT)),
        "answer_tokens": sum(label != IGNORED for label in labels),
        "features": TILE_TOKENS * sum(tiles),
    }


def tiles_of(picture: Image.Image, most: int) -> int:
    width, height = picture.size
    grids = {(i, j) for n in range(1, most + 1) for i in range(1, n + 1) for j in range(1, n + 1) if i * j <= most}
    best, nearest = (1, 1), float("inf")
    for grid in sorted(grids, key=lambda grid: grid[0] * grid[1]):
        distance = abs(width / height - grid[0] / grid[1])
        if distance < nearest:
            nearest, best = distance, grid
        elif distance == nearest and width * height > 0.5 * SIDE * SIDE * grid[0] * grid[1]:
            best = grid
    blocks = best[0] * best[1]
    return blocks + (blocks != 1)


def tokens_of(turns: list[dict[str, Any]], tiles: list[int], tokenizer: Any) -> tuple[list[int], list[int]]:
    system = turns.pop(0)["value"] if turns[0]["from"] == "system" else SYSTEM
    left = list(tiles)
    for turn in turns:
        if tiles and turn["from"] == "human":
            for _ in range(turn["value"].count("<image>")):
                if left:
                    image = f"{START}{CONTEXT * (TILE_TOKENS * left.pop(0))}{STOP}"
                    turn["value"] = turn["value"].replace("<image>", image, 1)
    if left:
        raise ValueError(f"{len(left)} images without a placeholder")
    ids: list[int] = tokenizer(f"<|im_start|>system\n{system}<|im_end|>\n").input_ids
    labels = [IGNORED] * len(ids)
    for turn in turns:
        tokens, learned = turn_tokens(turn, tokenizer)
        ids += tokens
        labels += learned
    return ids, labels


if __name__ == "__main__":
    os.chdir(Path(sys.argv[2]).parent)
    main(*sys.argv[1:])
