"""RaggedArray: rows of different lengths."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any, Union

import numpy as np
import numpy.typing as npt

from .bytes_array import BytesArray
from .rows import gather, row_number, row_numbers, rows_text, same_values, shape_text

Values = Union[npt.NDArray[Any], BytesArray, "RaggedArray"]


class RaggedArray:
    """Rows of different lengths: row i is ``values[row_splits[i]:row_splits[i + 1]]``.

    ``values`` is an ndarray, a BytesArray, or, where rows hold rows, another RaggedArray;
    ``row_splits`` is int64 or int32, has one element more than there are rows, starts with 0, does
    not decrease, and ends with ``len(values)``. The constructor checks that and copies nothing.

    Rows that all have the same length by construction (a ``UniformRowLength`` above rows) say so:
    ``uniform_row_length`` is that length, else None.

    ``r[i]`` is a row (sharing memory), ``r[i, j]`` an element of it; slices without a step share
    ``values``, other slices and sequences of ints or bools copy. ``r.tolist()`` gives nested lists,
    ``np.asarray(r)`` an object array with one array per row.
    """

    __slots__ = ("_row_splits", "_uniform_row_length", "_values")

    _values: Values
    _row_splits: npt.NDArray[Any]
    _uniform_row_length: int | None

    def __init__(self, values: Any, row_splits: npt.ArrayLike) -> None:
        if not isinstance(values, (BytesArray, RaggedArray)):
            values = np.asarray(values)
        if values.ndim == 0:
            raise ValueError("values must have at least one dimension")
        splits = np.asarray(row_splits)
        if splits.dtype not in (np.dtype(np.int64), np.dtype(np.int32)):
            if splits.dtype.kind not in "iu":
                raise TypeError(f"row_splits must be int64 or int32, got {splits.dtype}")
            splits = splits.astype(np.int64)
        if splits.ndim != 1 or not len(splits):
            raise ValueError(
                f"row_splits must be 1-D with at least one element, got the shape {splits.shape}"
            )
        if splits[0] != 0 or splits[-1] != len(values) or bool((np.diff(splits) < 0).any()):
            raise ValueError(
                "row_splits must start with 0, not decrease, and end with the number of values, "
                f"{len(values)}"
            )
        self._values = values
        self._row_splits = splits
        self._uniform_row_length = None

    @classmethod
    def _of(
        cls, values: Values, row_splits: npt.NDArray[Any], uniform_row_length: int | None = None
    ) -> RaggedArray:
        """Unchecked: for columns that the core has made."""
        self = cls.__new__(cls)
        self._values = values
        self._row_splits = row_splits
        self._uniform_row_length = uniform_row_length
        return self

    @property
    def values(self) -> Values:
        """The rows one behind the other: of the outermost level only."""
        return self._values

    @property
    def row_splits(self) -> npt.NDArray[Any]:
        """Where each row of the outermost level starts and the last one ends."""
        return self._row_splits

    @property
    def flat_values(self) -> npt.NDArray[Any] | BytesArray:
        """The values of the innermost level."""
        values = self._values
        while isinstance(values, RaggedArray):
            values = values._values
        return values

    @property
    def nested_row_splits(self) -> tuple[npt.NDArray[Any], ...]:
        """The row splits of all levels, the outermost first."""
        if isinstance(self._values, RaggedArray):
            return (self._row_splits, *self._values.nested_row_splits)
        return (self._row_splits,)

    @property
    def uniform_row_length(self) -> int | None:
        """The length of every row of the outermost level, where it is the same by construction."""
        return self._uniform_row_length

    @property
    def nrows(self) -> int:
        return len(self._row_splits) - 1

    @property
    def ragged_rank(self) -> int:
        """Number of levels of rows."""
        return len(self.nested_row_splits)

    @property
    def shape(self) -> tuple[int | None, ...]:
        """``(nrows, None, ...)``: None for each extent that differs from row to row."""
        return (self.nrows, self._uniform_row_length, *self._values.shape[1:])

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def dtype(self) -> Any:
        """NumPy's dtype of the values; ``bytes`` for strings."""
        return self._values.dtype

    def row_lengths(self) -> npt.NDArray[Any]:
        return np.diff(self._row_splits)

    def row(self, index: int) -> Values:
        """Row `index`, sharing memory."""
        number = row_number(index, self.nrows)
        if number is None:
            raise IndexError(f"a row number must be an int, got {type(index).__name__}")
        row: Values = self._values[self._row_splits[number] : self._row_splits[number + 1]]
        return row

    def __len__(self) -> int:
        return self.nrows

    def __iter__(self) -> Iterator[Values]:
        cuts = self._row_splits.tolist()
        return (self._values[a:b] for a, b in itertools.pairwise(cuts))

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, tuple):
            if not index:
                return self
            head, *rest = index
            return self[head][tuple(rest)] if rest else self[head]
        if row_number(index, self.nrows) is not None:
            return self.row(index)
        if isinstance(index, slice) and index.step in (None, 1):
            start, stop, _ = index.indices(self.nrows)
            splits = self._row_splits[start : max(start, stop) + 1]
            uniform = self._uniform_row_length
            return self._of(self._values[splits[0] : splits[-1]], splits - splits[0], uniform)
        rows = row_numbers(index, self.nrows)
        positions, splits = gather(
            self._row_splits[rows].astype(np.int64), self._row_splits[rows + 1].astype(np.int64)
        )
        splits = splits.astype(self._row_splits.dtype)
        return self._of(self._values[positions], splits, self._uniform_row_length)

    def tolist(self) -> list[Any]:
        """Nested lists of Python numbers or ``bytes``."""
        flat = self._values.tolist()
        cuts = self._row_splits.tolist()
        return [flat[a:b] for a, b in itertools.pairwise(cuts)]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> npt.NDArray[Any]:
        if copy is False:
            raise ValueError("a RaggedArray cannot become an ndarray without a copy")
        if dtype is not None and np.dtype(dtype) != np.dtype(object):
            raise TypeError(f"a RaggedArray becomes an array of objects (its rows), not of {dtype}")
        array = np.empty(self.nrows, object)
        for i, row in enumerate(self):
            array[i] = np.asarray(row)
        return array

    def equals(self, other: object, *, equal_nan: bool = False) -> bool:
        """Whether `other` is a RaggedArray with the same rows, dtype of values included. The dtype
        of the row splits does not matter."""
        return (
            isinstance(other, RaggedArray)
            and np.array_equal(self._row_splits, other._row_splits)
            and same_values(self._values, other._values, equal_nan)
        )

    def __eq__(self, other: object) -> bool:
        return self.equals(other) if isinstance(other, RaggedArray) else NotImplemented

    __hash__ = None  # type: ignore[assignment]  # as for every array

    def __reduce__(self) -> tuple[object, ...]:
        # Not through the constructor: rows that TensorFlow lets through unchecked must survive.
        return _restore, (self._values, self._row_splits, self._uniform_row_length)

    def __repr__(self) -> str:
        dtype = "bytes" if self.dtype is bytes else self.dtype
        return f"RaggedArray(shape={shape_text(self.shape)}, dtype={dtype}, {rows_text(self)})"


def _restore(
    values: Values, row_splits: npt.NDArray[Any], uniform_row_length: int | None = None
) -> RaggedArray:
    return RaggedArray._of(values, row_splits, uniform_row_length)
