"""Single elements, one behind the other, become one batch."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from ..arrays import BytesArray, RaggedArray, SparseArray
from .structure import leaves, packed


def stack(elements: list[Any], *, fused: bool = False) -> Any:
    """The batch of these elements (at least one): nested dicts and tuples of leaves, each leaf with
    a new first dimension.

    Numbers and arrays become ndarrays, ``bytes`` and ``str`` a BytesArray; RaggedArrays gain a
    level, SparseArrays a dimension. Raises ValueError with TensorFlow's text where shapes differ
    (`fused`: the text it has when map() comes directly before batch()), TypeError where structures
    do.
    """
    rows = [leaves(element) for element in elements]
    for other in rows[1:]:
        if len(other) != len(rows[0]):
            raise TypeError("Cannot batch elements of different structures")
    columns = [
        stack_leaves(i, list(column), fused) for i, column in enumerate(zip(*rows, strict=True))
    ]
    return packed(elements[0], iter(columns))


def stack_leaves(component: int, items: list[Any], fused: bool) -> Any:
    first = items[0]
    if isinstance(first, (SparseArray, RaggedArray)):
        for leaf in items:
            if type(leaf) is not type(first) or leaf.ndim != first.ndim:
                raise TypeError(
                    f"Cannot batch different kinds of elements in component {component}"
                )
        return _stack_sparse(items) if isinstance(first, SparseArray) else _stack_ragged(items)
    items = [leaf.encode() if isinstance(leaf, str) else leaf for leaf in items]
    if not all(isinstance(leaf, (bytes, BytesArray)) for leaf in items):
        items = [np.asarray(leaf) for leaf in items]
    shapes = [() if isinstance(leaf, bytes) else leaf.shape for leaf in items]
    for i, shape in enumerate(shapes):
        if shape == shapes[0]:
            continue
        if fused and math.prod(shape) != math.prod(shapes[0]):
            raise ValueError(
                "Cannot add tensor to the batch: number of elements does not match. Shapes are: "
                f"[tensor]: {_text(shape)}, [batch]: {_text(shapes[0])}"
            )
        raise ValueError(
            f"Cannot batch tensors with different shapes in component {component}. First "
            f"element had shape {_text(shapes[0])} and element {i} had shape {_text(shape)}."
        )
    if isinstance(items[0], bytes):
        return BytesArray.of(items)
    if isinstance(items[0], BytesArray):
        return concatenate(items).reshape((len(items), *shapes[0]))
    return np.stack(items)


def _text(shape: tuple[int, ...]) -> str:
    return "[" + ",".join(map(str, shape)) + "]"


def cuts(lengths: list[int]) -> npt.NDArray[np.int64]:
    ends = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=ends[1:])
    return ends


def concatenate(parts: list[Any]) -> Any:
    """Parts of one kind, one behind the other along the first dimension."""
    first = parts[0]
    if isinstance(first, RaggedArray):
        starts = cuts([len(part.values) for part in parts])
        splits = [part.row_splits[1:] + start for part, start in zip(parts, starts, strict=False)]
        dtype = first.row_splits.dtype
        values = concatenate([part.values for part in parts])
        return RaggedArray(values, np.concatenate([[0], *splits]).astype(dtype))
    if isinstance(first, BytesArray):
        strings = [part.reshape(-1) for part in parts]
        data = [part.data[part.offsets[0] : part.offsets[-1]] for part in strings]
        starts = cuts([len(d) for d in data])
        offsets = [
            part.offsets[1:] - part.offsets[0] + start
            for part, start in zip(strings, starts, strict=False)
        ]
        return BytesArray(np.concatenate(data), np.concatenate([[0], *offsets]))
    return np.concatenate(parts)


def _stack_ragged(leaves: list[RaggedArray]) -> RaggedArray:
    dtype = leaves[0].row_splits.dtype
    return RaggedArray(concatenate(leaves), cuts([len(leaf) for leaf in leaves]).astype(dtype))


def _stack_sparse(leaves: list[SparseArray]) -> SparseArray:
    indices = [np.insert(leaf.indices, 0, number, axis=1) for number, leaf in enumerate(leaves)]
    longest = np.max([leaf.dense_shape for leaf in leaves], axis=0)
    return SparseArray(
        np.concatenate(indices),
        concatenate([leaf.values for leaf in leaves]),
        np.concatenate([[len(leaves)], longest]),
    )
