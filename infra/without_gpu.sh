#!/bin/sh
# Prints a lock without the packages that a machine without a GPU does without: torch's CUDA libraries, and torch and
# torchvision themselves, which come without CUDA from an index of their own.
#
#   sh infra/without_gpu.sh infra/runtime.lock
exec awk '/^[A-Za-z0-9]/ { kept = $0 !~ /^(torch|torchvision|triton|nvidia-[a-z0-9-]+|cuda-[a-z0-9-]+)==/ } kept || /^#/' "$1"
