"""padded_batch and ragged_batch: elements of different lengths in one batch."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from ..arrays import BytesArray, RaggedArray, SparseArray
from ..errors import DataLossError
from ..verbs import PaddedBatch, RaggedBatch
from .batch import BatchStage
from .stack import concatenate, cuts, stack_leaves
from .stage import Open, State
from .structure import leaves, packed, spread


class PaddedBatchStage(BatchStage):
    def __init__(self, verb: PaddedBatch, open_input: Open, state: State | None) -> None:
        super().__init__(verb, open_input, state)
        self._verb = verb

    def _joined(self, elements: list[Any]) -> Any:
        return padded(elements, self._verb.shapes, self._verb.values)


class RaggedBatchStage(BatchStage):
    def __init__(self, verb: RaggedBatch, open_input: Open, state: State | None) -> None:
        super().__init__(verb, open_input, state)
        self._verb = verb

    def _joined(self, elements: list[Any]) -> Any:
        return ragged(elements, self._verb.fixed, np.dtype(self._verb.row_splits_dtype))


def padded(elements: list[Any], shapes: Any, values: Any) -> Any:
    """The batch of these elements, each leaf filled up to the longest or to a shape.

    Raises DataLossError with TensorFlow's text for an element larger than that."""
    columns = zip(*map(leaves, elements), strict=True)
    like = elements[0]
    filled = map(_padded_leaves, columns, spread(shapes, like), spread(values, like))
    return packed(like, filled)


def _padded_leaves(items: tuple[Any, ...], shape: Any, value: Any) -> Any:
    if isinstance(items[0], (SparseArray, RaggedArray)):
        raise TypeError("`padded_batch` is only supported for datasets that produce tensors.")
    strings = isinstance(items[0], (bytes, str, BytesArray))
    arrays = [_object_array(item) if strings else np.asarray(item) for item in items]
    rank = arrays[0].ndim
    if any(array.ndim != rank for array in arrays):
        raise ValueError("All elements in a batch must have the same rank when padding")
    extent = [max(array.shape[axis] for array in arrays) for axis in range(rank)]
    if shape is not None:
        wanted = [None if n in (None, -1) else int(n) for n in shape]
        if len(wanted) != rank:
            raise ValueError(
                f"The padded shape {wanted} is not compatible with an element of rank {rank}"
            )
        for axis, n in enumerate(wanted):
            if n is not None and n < extent[axis]:
                raise DataLossError("Attempted to pad to a smaller size than the input element.")
            extent[axis] = extent[axis] if n is None else n
    filler = (b"" if strings else 0) if value is None else value
    if isinstance(filler, str):
        filler = filler.encode()
    batch = np.full((len(arrays), *extent), filler, object if strings else arrays[0].dtype)
    for i, array in enumerate(arrays):
        place: tuple[Any, ...] = (i, *map(slice, array.shape))
        batch[place] = array if rank else array[()]
    return BytesArray.of(batch.reshape(-1).tolist(), batch.shape) if strings else batch


def _object_array(item: bytes | str | BytesArray) -> Any:
    if isinstance(item, BytesArray):
        return np.asarray(item)
    array = np.empty((), object)
    array[()] = item.encode() if isinstance(item, str) else item
    return array


def ragged(elements: list[Any], fixed: tuple[bool, ...] | None, splits: Any) -> Any:
    """The batch of these elements; leaves that have dimensions become RaggedArrays, but for those
    whose shape is known to be `fixed`."""
    columns = list(zip(*map(leaves, elements), strict=True))
    known = itertools.repeat(False) if fixed is None else fixed
    made = [
        _ragged_leaves(i, list(column), stacked, splits)
        for i, (column, stacked) in enumerate(zip(columns, known, strict=False))
    ]
    return packed(elements[0], iter(made))


def _ragged_leaves(component: int, items: list[Any], stacked: bool, splits: Any) -> Any:
    first = items[0]
    if not isinstance(first, (BytesArray, bytes, str, RaggedArray, SparseArray)):
        items = [np.asarray(item) for item in items]
        first = items[0]
    if stacked or getattr(first, "ndim", 0) == 0 or isinstance(first, (RaggedArray, SparseArray)):
        return stack_leaves(component, items, False)
    if len({item.shape[1:] for item in items}) > 1:
        items = [_rows(item, splits) for item in items]
    return RaggedArray(concatenate(items), cuts([len(item) for item in items]).astype(splits))


def _rows(item: Any, splits: Any) -> RaggedArray:
    """An array of two dimensions as rows."""
    rows, width = item.shape[:2]
    return RaggedArray(
        item.reshape(rows * width, *item.shape[2:]), (np.arange(rows + 1) * width).astype(splits)
    )
