#!/bin/sh
# What a GPU makes of the encoders: one table, under 8 minutes. Takes .venv, or else the python3 that has PyTorch.
# Where packages are missing it names them; nothing is installed.
set -eu
cd "$(dirname "$0")/.."
python=.venv/bin/python
[ -x "$python" ] || python=python3
"$python" - <<'CHECK'
from importlib.util import find_spec

# Module -> the package that brings it.
wanted = {"torch": "torch", "torchvision": "torchvision", "open_clip": "open_clip_torch", "ftfy": "ftfy", "timm": "timm",
          "safetensors": "safetensors", "transformers": "transformers", "tokenizers": "tokenizers", "PIL": "pillow",
          "imagehash": "imagehash", "pywt": "PyWavelets", "zstandard": "zstandard", "pyarrow": "pyarrow"}
missing = [package for module, package in wanted.items() if find_spec(module) is None]
if missing:
    raise SystemExit("benchmarks/gpu.sh: install " + " ".join(missing) + ", or run make setup")
CHECK
"$python" -m benchmarks.gpu "$@"
[ $# -gt 0 ] || "$python" -m benchmarks.likelihood --device cuda --precision bf16 --width 2048 --layers 16 --tries 2
