"""SparseArray: values with their places."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from .bytes_array import BytesArray
from .rows import Ints, gather, row_number, row_numbers, rows_text, same_values, shape_text


class SparseArray:
    """Values with their places, as TensorFlow's SparseTensor: value k is at ``indices[k]``.

    ``SparseArray(indices, values, dense_shape)``: `indices` int64 (N, rank), `values` an ndarray
    or a BytesArray of N values, `dense_shape` the extents. Indices are taken as they come: neither
    sorted nor checked against the extents.

    What a ``VarLenFeature`` gives is made from row splits, without a copy: ``indices`` and
    ``dense_shape`` are computed when first asked for. ``row_splits`` is then the shorter way to the
    same places, else None.

    ``s[i]`` is row i, a SparseArray of one dimension less, if there is more than one; slices and
    sequences of ints or bools choose rows. ``s.to_dense()`` and ``np.asarray(s)`` fill the gaps
    with 0 or ``b""``; ``s.tolist()`` gives the same as nested lists.
    """

    __slots__ = ("_dense_shape", "_indices", "_row_splits", "_values")

    _values: npt.NDArray[Any] | BytesArray
    _indices: Ints | None
    _dense_shape: Ints | None
    _row_splits: Ints | None

    def __init__(self, indices: npt.ArrayLike, values: Any, dense_shape: npt.ArrayLike) -> None:
        self._values = values if isinstance(values, BytesArray) else np.asarray(values)
        self._indices = np.asarray(indices, np.int64)
        self._dense_shape = np.asarray(dense_shape, np.int64)
        self._row_splits = None
        rank = self._dense_shape.size
        if self._dense_shape.ndim != 1 or not rank:
            raise ValueError("dense_shape must be 1-D with at least one extent")
        if self._values.ndim != 1 or self._indices.shape != (len(self._values), rank):
            raise ValueError(
                f"values must be 1-D and indices of shape (values, {rank}); got the shapes "
                f"{self._values.shape} and {self._indices.shape}"
            )

    @classmethod
    def _of_rows(cls, values: npt.NDArray[Any] | BytesArray, row_splits: Ints) -> SparseArray:
        """Row i holds values[row_splits[i]:row_splits[i + 1]] from column 0 on. Unchecked."""
        self = cls.__new__(cls)
        self._values = values
        self._row_splits = row_splits
        self._indices = self._dense_shape = None
        return self

    @classmethod
    def _of_vector(cls, values: npt.NDArray[Any] | BytesArray) -> SparseArray:
        """Rank 1 and without gaps: what one example has. Unchecked."""
        self = cls.__new__(cls)
        self._values = values
        self._indices = self._dense_shape = self._row_splits = None
        return self

    @property
    def values(self) -> npt.NDArray[Any] | BytesArray:
        return self._values

    @property
    def indices(self) -> Ints:
        """int64 (N, rank): the place of each value."""
        if self._indices is None:
            count = len(self._values)
            if self._row_splits is None:
                self._indices = np.arange(count, dtype=np.int64).reshape(-1, 1)
            else:
                lengths = np.diff(self._row_splits)
                self._indices = np.empty((count, 2), np.int64)
                self._indices[:, 0] = np.repeat(np.arange(len(lengths)), lengths)
                self._indices[:, 1] = np.arange(count)
                self._indices[:, 1] -= np.repeat(self._row_splits[:-1], lengths)
        return self._indices

    @property
    def dense_shape(self) -> Ints:
        """int64 (rank,): the extents. Of a batch: the rows, and the values of the longest row."""
        if self._dense_shape is None:
            if self._row_splits is None:
                self._dense_shape = np.array([len(self._values)], np.int64)
            else:
                lengths = np.diff(self._row_splits)
                self._dense_shape = np.array([len(lengths), lengths.max(initial=0)], np.int64)
        return self._dense_shape

    @property
    def row_splits(self) -> Ints | None:
        """Row i holds ``values[row_splits[i]:row_splits[i + 1]]``; None where that is not so."""
        return self._row_splits

    @property
    def shape(self) -> tuple[int, ...]:
        """``dense_shape`` as a tuple."""
        return tuple(self.dense_shape.tolist())

    @property
    def ndim(self) -> int:
        return len(self.dense_shape)

    @property
    def dtype(self) -> Any:
        """NumPy's dtype of the values; ``bytes`` for strings."""
        return self._values.dtype

    def __len__(self) -> int:
        return int(self.dense_shape[0])

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))

    def __getitem__(self, index: Any) -> Any:
        number = row_number(index, len(self))
        rows = row_numbers([number] if number is not None else index, len(self))
        order = np.argsort(self.indices[:, 0], kind="stable")
        sorted_rows = self.indices[order, 0]
        positions, splits = gather(
            np.searchsorted(sorted_rows, rows, "left"), np.searchsorted(sorted_rows, rows, "right")
        )
        chosen = order[positions]
        values, indices, shape = self._values[chosen], self.indices[chosen], self.dense_shape.copy()
        if number is not None:
            if self.ndim == 1:
                return self.to_dense()[number]
            return SparseArray(indices[:, 1:], values, shape[1:])
        indices[:, 0] = np.repeat(np.arange(len(rows)), np.diff(splits))
        shape[0] = len(rows)
        return SparseArray(indices, values, shape)

    def to_dense(self, default_value: Any = None) -> npt.NDArray[Any]:
        """An ndarray (of objects, for strings) with `default_value`, 0 or b"" where no value is.
        Of several values at one place the last one counts. Raises IndexError for a value outside
        of ``dense_shape``."""
        outside = (self.indices < 0) | (self.indices >= self.dense_shape)
        if bool(outside.any()):
            k = int(outside.any(axis=1).argmax())
            raise IndexError(
                f"value {k} is at {self.indices[k].tolist()}, outside of the shape "
                f"{self.dense_shape.tolist()}"
            )
        values = np.asarray(self._values)
        if default_value is None:
            default_value = b"" if values.dtype == object else 0
        dense = np.full(self.shape, default_value, values.dtype)
        dense[tuple(self.indices.T)] = values
        return dense

    def tolist(self) -> list[Any]:
        """``to_dense()`` as nested lists."""
        dense: list[Any] = self.to_dense().tolist()
        return dense

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> npt.NDArray[Any]:
        if copy is False:
            raise ValueError("a SparseArray cannot become an ndarray without a copy")
        dense = self.to_dense()
        return dense if dtype is None else dense.astype(dtype)

    def equals(self, other: object, *, equal_nan: bool = False) -> bool:
        """Whether `other` is a SparseArray of the same shape and dtype with the same values at the
        same places in the same order."""
        return (
            isinstance(other, SparseArray)
            and np.array_equal(self.dense_shape, other.dense_shape)
            and np.array_equal(self.indices, other.indices)
            and same_values(self._values, other._values, equal_nan)
        )

    def __eq__(self, other: object) -> bool:
        return self.equals(other) if isinstance(other, SparseArray) else NotImplemented

    __hash__ = None  # type: ignore[assignment]  # as for every array

    def __reduce__(self) -> tuple[object, ...]:
        if self._row_splits is not None:
            return _restore_rows, (self._values, self._row_splits)
        return SparseArray, (self.indices, self._values, self.dense_shape)

    def __repr__(self) -> str:
        dtype = "bytes" if self.dtype is bytes else self.dtype
        places = rows_text(self.indices)
        return (
            f"SparseArray(shape={shape_text(self.shape)}, dtype={dtype}, "
            f"indices={places}, values={rows_text(self._values)})"
        )


def _restore_rows(values: npt.NDArray[Any] | BytesArray, row_splits: Ints) -> SparseArray:
    return SparseArray._of_rows(values, row_splits)
