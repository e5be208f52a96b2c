from pathlib import Path

import numpy as np

def load_file(filename: Path) -> dict[str, np.ndarray]: ...
