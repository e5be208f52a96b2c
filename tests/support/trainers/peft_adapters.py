"""Writes what PEFT makes of a small CLIP tower: `base` (the tower), `apart` (its adapter) and `merged` (the tower with
the adapter in it), in the folder named.

    python peft_adapters.py FOLDER CONFIG, the tower's configuration and LoRA's as JSON
"""

import json
import sys
from pathlib import Path

import torch
from peft import LoraConfig, get_peft_model
from transformers import CLIPVisionConfig, CLIPVisionModel


def main() -> None:
    folder, config = Path(sys.argv[1]), json.loads(sys.argv[2])
    torch.manual_seed(2)
    tower = CLIPVisionModel(CLIPVisionConfig(**config["tower"])).eval()
    tower.save_pretrained(folder / "base")
    adapted = get_peft_model(tower, LoraConfig(**config["lora"]))
    # As they are made, the second factors are nothing: what a training would change, chance does here.
    with torch.no_grad():
        for value in adapted.parameters():
            if value.requires_grad:
                value.add_(0.1 * torch.randn_like(value))
    adapted.save_pretrained(folder / "apart")
    adapted.merge_and_unload().save_pretrained(folder / "merged")


if __name__ == "__main__":
    main()
