"""A 64-bit mixer for arrays: equal on every machine and in every version, unlike the hashes of libraries."""

import numpy as np


def splitmix(x: np.ndarray) -> np.ndarray:
    """The values (uint64) mixed so that any change of input changes half of the bits. Steele, Lea and Flood, 2014."""
    x = x + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
