"""How many tokens a text has: by a tokenizer that the user names, or by a rough count that needs none."""

import hashlib
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ops.core.arrow import Column
from ops.core.arrow_texts import count_matches, replaced
from ops.core.errors import UnusableError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

Counter = Callable[[Column], np.ndarray]
"""Tokens (n, int64) of each text of an array of strings without nulls."""

_UNSPACED = r"([\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}])"
_COUNTED = r"[\p{L}\p{M}\p{N}_]+|[^\p{L}\p{M}\p{N}_\s\p{Z}]"


def stamp(path: str) -> str:
    """What changes when the tokenizer does; empty where none is named. UnusableError where the file cannot be used."""
    if not path:
        return ""
    file = _file(path)
    if not file.is_file():
        raise UnusableError(
            f"tokenizer {path}: no such file; give a tokenizer.json of the `tokenizers` library, or its folder"
        )
    digest = hashlib.sha256(file.read_bytes()).hexdigest()[:16]
    _load(str(file), digest)
    return digest


def counter(path: str, stamped: str) -> Counter:
    """The counter of the tokenizer at `path` with that stamp; the rough one where `path` is empty."""
    if not path:
        return rough_tokens
    tokenizer = _load(str(_file(path)), stamped)

    def count(texts: Column) -> np.ndarray:
        # Special tokens belong to the chat template, not to what is said.
        encoded = tokenizer.encode_batch_fast(texts.to_pylist(), add_special_tokens=False)
        return np.array([len(one) for one in encoded], dtype=np.int64)

    return count


def rough_tokens(texts: Column) -> np.ndarray:
    """A run of letters and digits is a token, so is each other visible character, and so is each letter of a script
    written without spaces. Sub-word tokenizers give about 1.3 times as many for English."""
    return count_matches(replaced(texts, _UNSPACED, r" \1 "), _COUNTED).astype(np.int64)


def _file(path: str) -> Path:
    given = Path(path).expanduser()
    return given / "tokenizer.json" if given.is_dir() else given


@lru_cache(maxsize=4)
def _load(path: str, stamped: str) -> "Tokenizer":
    from tokenizers import Tokenizer

    try:
        return Tokenizer.from_file(path)
    except Exception as error:  # the library raises bare Exception
        raise UnusableError(f"tokenizer {path}: not a file of the `tokenizers` library ({error})") from None
