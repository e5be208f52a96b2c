"""What of scipy.optimize is used in strict code, which has no types of its own."""

from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np

class OptimizeResult:
    x: np.ndarray
    fun: float

def minimize(
    fun: Callable[..., tuple[float, np.ndarray]],
    x0: np.ndarray,
    args: tuple[Any, ...],
    *,
    method: Literal["L-BFGS-B"],
    jac: Literal[True],
    bounds: Sequence[tuple[float, float]],
) -> OptimizeResult: ...
