from typing import Literal

import numpy as np
from scipy.sparse import csr_array

def connected_components(csgraph: csr_array, *, connection: Literal["strong"]) -> tuple[int, np.ndarray]: ...
