"""Going on with smaller batches where a device has no room for large ones."""

import logging
from collections.abc import Callable
from typing import Any, TypeVar

import torch

Result = TypeVar("Result")

logger = logging.getLogger(__name__)


def in_halves(run: Callable[[Any], Result], batch: Any, *, noun: str) -> list[Result]:
    """Results of `run` over consecutive parts of the batch (a list or an array): of all at once, or of halves of it
    while the device is out of memory. `noun` is what the warning counts. Raises torch.OutOfMemoryError where there is
    no room for one."""
    try:
        with torch.inference_mode():
            return [run(batch)]
    except torch.OutOfMemoryError:
        if len(batch) == 1:
            raise
    # Outside the `except`: the error holds on to the tensors of the failed attempt.
    torch.cuda.empty_cache()
    half = len(batch) // 2
    logger.warning("out of device memory with %d %s at once; going on with %d", len(batch), noun, half)
    return [*in_halves(run, batch[:half], noun=noun), *in_halves(run, batch[half:], noun=noun)]
