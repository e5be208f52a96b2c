"""Arrow's kernels for columns of texts, typed as those of arrow.py."""

from typing import Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ops.core.arrow import AnyArray, Column, numpy_values

_KERNELS: Any = pc


def first_bytes(texts: AnyArray, count: int) -> np.ndarray | None:
    """The first bytes of each text (n, count; uint8); None where one is shorter."""
    heads = _KERNELS.binary_slice(cast(Any, texts).cast(pa.binary()), 0, count)
    if not len(heads):
        return np.zeros((0, count), np.uint8)
    if _KERNELS.min(_KERNELS.binary_length(heads)).as_py() < count:
        return None
    stored = np.frombuffer(heads.cast(pa.binary(count)).buffers()[1], np.uint8)
    return stored[: len(heads) * count].reshape(len(heads), count)


def joined_texts(*columns: Column | str) -> AnyArray:
    """The texts of the columns, row by row; what stands last is put between them."""
    return _KERNELS.binary_join_element_wise(*columns)


def trimmed(texts: Column) -> AnyArray:
    """The texts without white space at their ends."""
    return _KERNELS.utf8_trim_whitespace(texts)


def count_matches(texts: Column, pattern: str, *, ignore_case: bool = False) -> np.ndarray:
    """How often the pattern (RE2) occurs in each text, none of which is null (n)."""
    return numpy_values(_KERNELS.count_substring_regex(texts, pattern, ignore_case=ignore_case))


def replaced(texts: Column, pattern: str, replacement: str) -> Column:
    """The texts with each occurrence of the pattern (RE2) replaced."""
    return _KERNELS.replace_substring_regex(texts, pattern, replacement)
