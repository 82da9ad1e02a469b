"""Rows of values that lie one behind the other, and how columns print and compare."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]

_SHOWN_ROWS = 4
_SHOWN_VALUES = 6
_SHOWN_BYTES = 24


def gather(starts: Ints, stops: Ints) -> tuple[Ints, Ints]:
    """Positions of all values of the rows [starts[i], stops[i]), and the splits of the result."""
    lengths = stops - starts
    splits = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=splits[1:])
    positions = np.arange(splits[-1], dtype=np.int64)
    positions += np.repeat(starts - splits[:-1], lengths)
    return positions, splits


def row_numbers(index: object, rows: int) -> Ints:
    """An index that selects several rows (sequence or array of ints or bools) as row numbers.

    Raises IndexError as NumPy does.
    """
    if isinstance(index, slice):
        return np.arange(rows, dtype=np.int64)[index]
    array = np.asarray(index)
    if array.ndim != 1 or (array.size and array.dtype.kind not in "biu"):
        raise IndexError(
            "rows are chosen by an int, a slice, or a 1-D sequence of ints or bools; "
            f"got {type(index).__name__} of shape {array.shape} and dtype {array.dtype}"
        )
    numbers: Ints = np.arange(rows, dtype=np.int64)[array if array.size else array.astype(np.int64)]
    return numbers


def row_number(index: object, rows: int) -> int | None:
    """`index` as a row number from 0, or None if it is none. Raises IndexError out of range."""
    if isinstance(index, (bool, np.bool_)):
        return None
    try:
        number = operator.index(index)  # type: ignore[arg-type]
    except TypeError:
        return None
    if not -rows <= number < rows:
        raise IndexError(f"row {number} is out of range: there are {rows}")
    return number % rows


def same_values(a: Any, b: Any, equal_nan: bool) -> bool:
    """Whether two arrays, or two of our columns, are of one class, shape and dtype, and equal."""
    if type(a) is not type(b):
        return False
    if not isinstance(a, np.ndarray):
        return bool(a.equals(b, equal_nan=equal_nan))
    if a.dtype != b.dtype or a.shape != b.shape:
        return False
    # Only floats have NaN; np.array_equal cannot look for it in objects.
    return bool(np.array_equal(a, b, equal_nan=equal_nan and a.dtype.kind in "fc"))


def shape_text(shape: Sequence[int | None]) -> str:
    return "(" + ", ".join(map(str, shape)) + ("," if len(shape) == 1 else "") + ")"


def value_text(value: Any) -> str:
    """One value or row for a repr, cut when long."""
    if isinstance(value, bytes):
        return repr(value) if len(value) <= _SHOWN_BYTES else repr(value[:_SHOWN_BYTES]) + "..."
    if isinstance(value, np.generic):
        return repr(value.item())
    if hasattr(value, "__len__"):
        texts = [value_text(v) for v in value[:_SHOWN_VALUES]]
        return "[" + ", ".join(texts + ["..."] * (len(value) > _SHOWN_VALUES)) + "]"
    return repr(value)


def rows_text(rows: Any) -> str:
    """The first rows of something with len() and slices."""
    texts = [value_text(rows[i]) for i in range(min(len(rows), _SHOWN_ROWS))]
    return "[" + ", ".join(texts + ["..."] * (len(rows) > _SHOWN_ROWS)) + "]"
