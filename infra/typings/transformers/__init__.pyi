# The mini encoder names two classes of transformers, whose own types take twelve seconds to bind.
from typing import Any

def __getattr__(name: str) -> Any: ...
