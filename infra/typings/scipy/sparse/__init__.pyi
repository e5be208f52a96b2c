"""What of scipy.sparse is used in strict code, which has no types of its own."""

import numpy as np

class csr_array:  # noqa: N801
    def __init__(self, arg1: tuple[np.ndarray, tuple[np.ndarray, np.ndarray]], *, shape: tuple[int, int]) -> None: ...
