"""Single elements, one behind the other, become one batch."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from ..arrays import BytesArray, RaggedArray, SparseArray


def stack(elements: list[Any], *, fused: bool = False) -> Any:
    """The batch of these elements (at least one): nested dicts and tuples of leaves, each leaf with
    a new first dimension.

    Numbers and arrays become ndarrays, ``bytes`` and ``str`` a BytesArray; RaggedArrays gain a
    level, SparseArrays a dimension. Raises ValueError with TensorFlow's text where shapes differ
    (`fused`: the text it has when map() comes directly before batch()), TypeError where structures
    do.
    """
    leaves = [_flatten(element) for element in elements]
    for other in leaves[1:]:
        if len(other) != len(leaves[0]):
            raise TypeError("Cannot batch elements of different structures")
    columns = [
        _stack_leaves(i, list(column), fused) for i, column in enumerate(zip(*leaves, strict=True))
    ]
    return _pack(elements[0], iter(columns))


def _flatten(element: Any) -> list[Any]:
    """The leaves, a dict's in the order of its keys' names (as TensorFlow numbers components)."""
    if isinstance(element, dict):
        return [leaf for key in sorted(element, key=str) for leaf in _flatten(element[key])]
    if isinstance(element, tuple):
        return [leaf for item in element for leaf in _flatten(item)]
    return [element]


def _pack(like: Any, leaves: Any) -> Any:
    """The structure of `like` with other leaves; a dict in the order of `like`."""
    if isinstance(like, dict):
        packed = {key: _pack(like[key], leaves) for key in sorted(like, key=str)}
        return {key: packed[key] for key in like}
    if isinstance(like, tuple):
        items = [_pack(item, leaves) for item in like]
        return type(like)(*items) if hasattr(like, "_fields") else tuple(items)
    return next(leaves)


def _stack_leaves(component: int, leaves: list[Any], fused: bool) -> Any:
    first = leaves[0]
    if isinstance(first, (SparseArray, RaggedArray)):
        for leaf in leaves:
            if type(leaf) is not type(first) or leaf.ndim != first.ndim:
                raise TypeError(
                    f"Cannot batch different kinds of elements in component {component}"
                )
        return _stack_sparse(leaves) if isinstance(first, SparseArray) else _stack_ragged(leaves)
    leaves = [leaf.encode() if isinstance(leaf, str) else leaf for leaf in leaves]
    if not all(isinstance(leaf, (bytes, BytesArray)) for leaf in leaves):
        leaves = [np.asarray(leaf) for leaf in leaves]
    shapes = [() if isinstance(leaf, bytes) else leaf.shape for leaf in leaves]
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
    if isinstance(leaves[0], bytes):
        return BytesArray.of(leaves)
    if isinstance(leaves[0], BytesArray):
        return _concatenate(leaves).reshape((len(leaves), *shapes[0]))
    return np.stack(leaves)


def _text(shape: tuple[int, ...]) -> str:
    return "[" + ",".join(map(str, shape)) + "]"


def _cuts(lengths: list[int]) -> npt.NDArray[np.int64]:
    cuts = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=cuts[1:])
    return cuts


def _concatenate(parts: list[Any]) -> Any:
    """Parts of one kind, one behind the other along the first dimension."""
    first = parts[0]
    if isinstance(first, RaggedArray):
        starts = _cuts([len(part.values) for part in parts])
        splits = [part.row_splits[1:] + start for part, start in zip(parts, starts, strict=False)]
        dtype = first.row_splits.dtype
        values = _concatenate([part.values for part in parts])
        return RaggedArray(values, np.concatenate([[0], *splits]).astype(dtype))
    if isinstance(first, BytesArray):
        strings = [part.reshape(-1) for part in parts]
        data = [part.data[part.offsets[0] : part.offsets[-1]] for part in strings]
        starts = _cuts([len(d) for d in data])
        offsets = [
            part.offsets[1:] - part.offsets[0] + start
            for part, start in zip(strings, starts, strict=False)
        ]
        return BytesArray(np.concatenate(data), np.concatenate([[0], *offsets]))
    return np.concatenate(parts)


def _stack_ragged(leaves: list[RaggedArray]) -> RaggedArray:
    dtype = leaves[0].row_splits.dtype
    return RaggedArray(_concatenate(leaves), _cuts([len(leaf) for leaf in leaves]).astype(dtype))


def _stack_sparse(leaves: list[SparseArray]) -> SparseArray:
    indices = [np.insert(leaf.indices, 0, number, axis=1) for number, leaf in enumerate(leaves)]
    longest = np.max([leaf.dense_shape for leaf in leaves], axis=0)
    return SparseArray(
        np.concatenate(indices),
        _concatenate([leaf.values for leaf in leaves]),
        np.concatenate([[len(leaves)], longest]),
    )
