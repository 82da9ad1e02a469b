"""BytesArray: an array of byte strings in two buffers."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from .rows import Ints, gather, row_number, row_numbers, rows_text, shape_text


class BytesArray:
    """An immutable array of byte strings, in Arrow's layout: string i of the flattened array is
    ``data[offsets[i]:offsets[i + 1]]``.

    ``BytesArray(data, offsets, shape=None)`` wraps buffers without copying; the first offset need
    not be 0. ``shape`` defaults to ``(len(offsets) - 1,)``. ``BytesArray.of(strings)`` makes one
    from Python.

    ``b[i]`` is ``bytes`` if the array has one dimension, else a BytesArray of one dimension less
    (``b[i, j]`` goes deeper). A slice without a step shares the buffers; other slices, and
    sequences of ints or bools, copy. ``b.view(i)`` is a ``memoryview``: no copy. ``b.tolist()``
    and ``np.asarray(b)`` (dtype object) give ``bytes``, as TensorFlow's ``.numpy()`` does.
    """

    __slots__ = ("_data", "_offsets", "_shape")

    _data: npt.NDArray[np.uint8]
    _offsets: Ints
    _shape: tuple[int, ...]

    def __init__(
        self,
        data: npt.ArrayLike | bytes,
        offsets: npt.ArrayLike,
        shape: Iterable[int] | None = None,
    ) -> None:
        if isinstance(data, (bytes, bytearray, memoryview)):
            data = np.frombuffer(data, np.uint8)
        self._data = np.ascontiguousarray(data, np.uint8)
        self._offsets = np.ascontiguousarray(offsets, np.int64)
        if self._data.ndim != 1 or self._offsets.ndim != 1 or not len(self._offsets):
            raise ValueError(
                "data must be a 1-D array of uint8 and offsets a 1-D array of at least one int64; "
                f"got the shapes {self._data.shape} and {self._offsets.shape}"
            )
        first, last = int(self._offsets[0]), int(self._offsets[-1])
        if first < 0 or last > len(self._data) or bool((np.diff(self._offsets) < 0).any()):
            raise ValueError(
                f"offsets must not decrease and must lie in [0, {len(self._data)}], "
                "the size of data"
            )
        count = len(self._offsets) - 1
        self._shape = (count,) if shape is None else tuple(int(n) for n in shape)
        if math.prod(self._shape) != count or min(self._shape, default=0) < 0:
            raise ValueError(f"{count} strings do not fill the shape {self._shape}")

    @classmethod
    def _of(cls, data: npt.NDArray[np.uint8], offsets: Ints, shape: tuple[int, ...]) -> BytesArray:
        """Unchecked: for buffers that the core has made."""
        self = cls.__new__(cls)
        self._data = data
        self._offsets = offsets
        self._shape = shape
        return self

    @classmethod
    def of(cls, strings: Iterable[bytes], shape: Iterable[int] | None = None) -> BytesArray:
        """The array of these strings; of this shape, if there is one."""
        parts = list(strings)
        offsets = np.zeros(len(parts) + 1, np.int64)
        np.cumsum([len(part) for part in parts], out=offsets[1:])
        return cls(b"".join(parts), offsets, shape)

    @property
    def data(self) -> npt.NDArray[np.uint8]:
        """The bytes of all strings (read-only view)."""
        return _read_only(self._data)

    @property
    def offsets(self) -> Ints:
        """Where each string starts, and where the last one ends: one more than ``size``
        (read-only view)."""
        return _read_only(self._offsets)

    @property
    def shape(self) -> tuple[int, ...]:
        return self._shape

    @property
    def dtype(self) -> type[bytes]:
        """``bytes``, the dtype that the feature classes have for strings."""
        return bytes

    @property
    def ndim(self) -> int:
        return len(self._shape)

    @property
    def size(self) -> int:
        """Number of strings."""
        return len(self._offsets) - 1

    @property
    def nbytes(self) -> int:
        """Bytes of the strings and of their offsets."""
        return int(self._offsets[-1] - self._offsets[0]) + self._offsets.nbytes

    def __len__(self) -> int:
        if not self._shape:
            raise TypeError("len() of a BytesArray without dimensions")
        return self._shape[0]

    def __iter__(self) -> Iterator[Any]:
        if self.ndim == 1:
            return iter(self.tolist())
        return (self[i] for i in range(len(self)))

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, tuple):
            if not index:
                return self
            head, *rest = index
            return self[head][tuple(rest)] if rest else self[head]
        number = row_number(index, len(self))
        width = math.prod(self._shape[1:])
        if number is not None:
            if self.ndim == 1:
                return self._data[self._offsets[number] : self._offsets[number + 1]].tobytes()
            offsets = self._offsets[number * width : (number + 1) * width + 1]
            return self._of(self._data, offsets, self._shape[1:])
        if isinstance(index, slice) and index.step in (None, 1):
            start, stop, _ = index.indices(len(self))
            stop = max(start, stop)
            offsets = self._offsets[start * width : stop * width + 1]
            return self._of(self._data, offsets, (stop - start, *self._shape[1:]))
        return self._take(row_numbers(index, len(self)))

    def _take(self, rows: Ints) -> BytesArray:
        """The rows of these numbers, copied."""
        width = math.prod(self._shape[1:])
        strings = (rows[:, None] * width + np.arange(width)).reshape(-1)
        positions, offsets = gather(self._offsets[strings], self._offsets[strings + 1])
        return self._of(self._data[positions], offsets, (len(rows), *self._shape[1:]))

    def view(self, index: int | tuple[int, ...]) -> memoryview:
        """The bytes of one string, without copying; read-only. Keeps the whole buffer alive."""
        indices = index if isinstance(index, tuple) else (index,)
        if len(indices) != self.ndim:
            raise IndexError(f"view() needs {self.ndim} indices, got {len(indices)}")
        flat = 0
        for i, extent in zip(indices, self._shape, strict=True):
            number = row_number(i, extent)
            if number is None:
                raise IndexError(f"view() needs ints, got {type(i).__name__}")
            flat = flat * extent + number
        return _read_only(self._data)[self._offsets[flat] : self._offsets[flat + 1]].data

    def reshape(self, *shape: Any) -> BytesArray:
        """The same strings in another shape; one extent may be -1. Copies nothing."""
        wanted = shape[0] if len(shape) == 1 and not isinstance(shape[0], int) else shape
        return self._of(
            self._data, self._offsets, np.empty(self._shape, bool).reshape(wanted).shape
        )

    def tolist(self) -> Any:
        """Nested lists of ``bytes``; ``bytes`` alone without dimensions."""
        return self.__array__().tolist() if self.ndim != 1 else self._strings()

    def _strings(self) -> list[bytes]:
        first = int(self._offsets[0])
        whole = self._data[first : self._offsets[-1]].tobytes()
        cuts = (self._offsets - first).tolist()
        return [whole[a:b] for a, b in itertools.pairwise(cuts)]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> npt.NDArray[Any]:
        if copy is False:
            raise ValueError("a BytesArray cannot become an ndarray without a copy")
        array = np.empty(self.size, object)
        array[:] = self._strings()
        array = array.reshape(self._shape)
        return array if dtype is None else array.astype(dtype)

    def equals(self, other: object, *, equal_nan: bool = False) -> bool:
        """Whether `other` is a BytesArray of the same shape with the same strings. (Strings hold
        no NaN: `equal_nan` is there because the other columns have it.)"""
        if not isinstance(other, BytesArray) or self._shape != other._shape:
            return False
        mine, theirs = self._offsets, other._offsets
        if not np.array_equal(mine - mine[0], theirs - theirs[0]):
            return False
        return np.array_equal(self._data[mine[0] : mine[-1]], other._data[theirs[0] : theirs[-1]])

    def __eq__(self, other: object) -> bool:
        return self.equals(other) if isinstance(other, BytesArray) else NotImplemented

    __hash__ = None  # type: ignore[assignment]  # as for every array

    def __reduce__(self) -> tuple[object, ...]:
        # Only the bytes of these strings, not the buffer they may be a slice of.
        first, last = int(self._offsets[0]), int(self._offsets[-1])
        return BytesArray, (self._data[first:last], self._offsets - first, self._shape)

    def __repr__(self) -> str:
        rows = rows_text(self) if self.ndim else repr(self.tolist())
        return f"BytesArray(shape={shape_text(self._shape)}, dtype=bytes, {rows})"


def _read_only(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    view = array.view()
    view.setflags(write=False)
    return view
