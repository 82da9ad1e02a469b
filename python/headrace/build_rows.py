"""Rows from splits, lengths, starts, limits or row ids: the factories of `tf.RaggedTensor`.

Values come in a column of any kind (ndarray, BytesArray, RaggedArray). Without `validate` nothing
is checked, and what does not fit comes through as in TensorFlow; with it a ShapeError has
TensorFlow's text. All arithmetic wraps in the dtype of the partition.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from .arrays import RaggedArray
from .errors import ShapeError

Splits = npt.NDArray[Any]  # int32 or int64


def from_row_splits(values: Any, splits: Splits, validate: bool) -> RaggedArray:
    if validate:
        text = "Arguments to from_row_splits do not form a valid RaggedTensor:"
        if not len(splits):
            raise ShapeError("slice index 0 of dimension 0 out of bounds.")
        _check_equal(splits[0], 0, text + "zero")
        _check_ascending(splits, text + "monotonic")
    return _ragged(values, splits, validate)


def from_row_lengths(values: Any, lengths: Splits, validate: bool) -> RaggedArray:
    if validate:
        _check_natural(lengths, "Arguments to from_row_lengths do not form a valid RowPartition")
    return _ragged(values, ends_of(lengths), validate)


def from_row_starts(values: Any, starts: Splits, validate: bool) -> RaggedArray:
    check_shape(values)
    if validate:
        text = "Arguments to from_row_starts do not form a valid RaggedTensor"
        if len(starts):
            _check_equal(starts[0], 0, text)
        _check_ascending(starts, text)
        if len(starts) and starts[-1] > len(values):
            raise ShapeError(_comparison(text, "<=", starts[-1], len(values)))
    return _ragged(values, np.append(starts, starts.dtype.type(len(values))), validate)


def from_row_limits(values: Any, limits: Splits, validate: bool) -> RaggedArray:
    if validate:
        text = "Arguments to from_row_limits do not form a valid RaggedTensor"
        _check_natural(limits[:1], text)
        _check_ascending(limits, text)
    return _ragged(values, np.insert(limits, 0, 0), validate)


def from_value_rowids(values: Any, rowids: Splits, validate: bool) -> RaggedArray:
    if validate:
        text = "Arguments to from_value_rowids do not form a valid RowPartition"
        _check_natural(rowids[:1], text)
        _check_ascending(rowids, text)
    short = rowids.astype(np.int32)  # TensorFlow counts in these
    rows = int((short[-1:] + np.int32(1)).sum())
    if rows < 0:
        raise ShapeError(f"size ({rows}) must be non-negative")
    if (short < 0).any():
        raise ShapeError("Input arr must be non-negative!")
    lengths = np.bincount(short[short < rows], minlength=rows).astype(rowids.dtype)
    wide_rows = int((rowids[-1:] + rowids.dtype.type(1)).sum())
    if rows != wide_rows:
        raise ShapeError(
            f"Tensor's shape ({rows},) is not compatible with supplied shape ({wide_rows},)."
        )
    check_shape(values)
    if len(values) != len(rowids):
        raise ShapeError(f"Shapes ({len(values)},) and ({len(rowids)},) are incompatible")
    return _ragged(values, ends_of(lengths), validate)


def from_uniform_row_length(
    values: Any, length: Any, dtype: np.dtype[Any], validate: bool
) -> RaggedArray:
    """Rows of `length` values (of which the last ones may be left over, if nobody validates)."""
    size = row_length(length, length, dtype)
    rows = len(values) // size if size else 0
    if validate:
        if rows * size != len(values):
            raise ShapeError(
                f"uniform_row_length={size} times nrows={rows} must equal nvals={len(values)}"
            )
        if size < 0:
            raise ShapeError("uniform_row_length must be >= 0.")
    splits = np.arange(max(rows + 1, 0), dtype=dtype) * dtype.type(size)
    return RaggedArray._of(values, splits, size)


def reshape_rows(values: Any, length: Any, dtype: np.dtype[Any]) -> Any:
    """An ndarray or a BytesArray as (rows, length, ...)."""
    size = row_length(length, [-1, length], dtype)
    if size < 0:
        if size == -1:
            raise ShapeError("Only one input size may be -1, not both 0 and 1")
        raise ShapeError(f"Size 1 must be non-negative, not {size}")
    inner = values.shape[1:]
    count = int(np.prod(values.shape, dtype=np.int64))
    row = size * int(np.prod(inner, dtype=np.int64))
    head = f"Input to reshape is a tensor with {count} values, but the requested shape "
    if row == 0:
        if count:
            raise ShapeError(head + "has 0")
        return values.reshape((1 if size == 0 else 0, size, *inner))
    if count % row:
        raise ShapeError(head + f"requires a multiple of {row}")
    return values.reshape((count // row, size, *inner))


def row_length(length: Any, converted: Any, dtype: np.dtype[Any]) -> int:
    """The length of a UniformRowLength. Raises TypeError or ValueError with the text that
    TensorFlow has when it makes a tensor of `converted`."""
    if isinstance(length, (bool, int, np.integer)):
        return int(length)
    if isinstance(length, (float, np.floating)) or not isinstance(converted, list):
        raise TypeError(f"Cannot convert {converted!r} to EagerTensor of dtype {dtype.name}")
    raise ValueError("Can't convert Python sequence with mixed types to Tensor.")


def ends_of(lengths: Splits) -> Splits:
    """Row splits of rows of these lengths."""
    splits = np.zeros(len(lengths) + 1, lengths.dtype)
    np.cumsum(lengths, out=splits[1:], dtype=lengths.dtype)
    return splits


def check_shape(column: Any) -> None:
    """Raises ShapeError for rows made from no splits at all, as there are -1 of them, and for rows
    of a negative length."""
    while isinstance(column, RaggedArray):
        length = column.uniform_row_length
        for extent in (len(column.row_splits) - 1, 0 if length is None else length):
            if extent < 0:
                raise ShapeError(f"Dimension {extent} must be >= 0")
        column = column.values


def check_equal_splits(x: Splits, y: Splits, text: str) -> None:
    different = np.flatnonzero(x != y)
    if len(different):
        raise ShapeError(_comparison(text, "==", x[different], y[different]))


def _ragged(values: Any, splits: Splits, validate: bool) -> RaggedArray:
    if isinstance(values, RaggedArray):
        check_shape(values)
    if validate:
        text = "Arguments to _from_row_partition do not form a valid RaggedTensor"
        _check_equal(splits[-1], len(values), text)
    return RaggedArray._of(values, splits)


def _check_equal(x: Any, y: int, text: str) -> None:
    if x != y:
        raise ShapeError(_comparison(text, "==", x, y))


def _comparison(text: str, relation: str, x: Any, y: Any) -> str:
    first, second = (np.atleast_1d(v)[:3] for v in (x, y))
    shown = (
        f"First {len(v)} elements of {name}:\n{v}" for name, v in (("x", first), ("y", second))
    )
    return f"{text}\nCondition x {relation} y did not hold.\n" + "\n".join(shown)


def _check_ascending(numbers: Splits, text: str) -> None:
    _check_natural(numbers[1:] - numbers[:-1], text)


def _check_natural(x: Splits, text: str) -> None:
    if (x < 0).any():
        shown = [str(v) for v in x[:3]] + ["..."] * (len(x) > 3)
        raise ShapeError(
            f"{text}.  \nCondition x >= 0 did not hold element-wise:\n"
            f"x (shape=({len(x)},) dtype={x.dtype}) = \n{shown}"
        )
