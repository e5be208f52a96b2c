"""What of scipy.stats is used in strict code, which has no types of its own."""

from collections.abc import Sequence

import numpy as np

def rankdata(a: np.ndarray | Sequence[float]) -> np.ndarray: ...
