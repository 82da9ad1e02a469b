"""Elements are nested dicts and tuples of leaves."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..arrays import BytesArray, RaggedArray, SparseArray


def leaves(element: Any) -> list[Any]:
    """A dict's in the order of its keys' names (as TensorFlow numbers components)."""
    if isinstance(element, dict):
        return [leaf for key in sorted(element, key=str) for leaf in leaves(element[key])]
    if isinstance(element, tuple):
        return [leaf for item in element for leaf in leaves(item)]
    return [element]


def packed(like: Any, items: Iterator[Any]) -> Any:
    """The structure of `like` with other leaves; a dict in the order of `like`."""
    if isinstance(like, dict):
        filled = {key: packed(like[key], items) for key in sorted(like, key=str)}
        return {key: filled[key] for key in like}
    if isinstance(like, tuple):
        parts = [packed(item, items) for item in like]
        return type(like)(*parts) if hasattr(like, "_fields") else tuple(parts)
    return next(items)


def mapped(function: Callable[[Any], Any], element: Any) -> Any:
    """The structure with the function's values for its leaves."""
    return packed(element, map(function, leaves(element)))


def spread(structure: Any, like: Any) -> list[Any]:
    """A value for each leaf of `like`: the structure's, a dict or tuple within it being a leaf
    where `like` has one; or everywhere the same, if it is no structure."""
    if isinstance(structure, dict) and isinstance(like, dict):
        return [v for key in sorted(like, key=str) for v in spread(structure[key], like[key])]
    if isinstance(structure, tuple) and isinstance(like, tuple):
        if len(structure) != len(like):
            raise ValueError(f"{len(structure)} parts for an element of {len(like)}")
        return [v for part, item in zip(structure, like, strict=True) for v in spread(part, item)]
    return [structure] * len(leaves(like))


def call(function: Callable[..., Any], element: Any) -> Any:
    """Tuples are unpacked into arguments, as in TensorFlow; named tuples are not."""
    try:
        return function(*element) if type(element) is tuple else function(element)
    except StopIteration as error:
        # It would end the loop as if there were no more elements.
        raise RuntimeError("the function raised StopIteration") from error


def as_leaf(value: Any) -> Any:
    """What a tensor of this would hold: TensorFlow reads Python's numbers as int32 (int64 where
    they are larger) and float32; NumPy's keep their dtype."""
    if isinstance(value, (BytesArray, RaggedArray, SparseArray, bytes)):
        return value
    if isinstance(value, str):
        return value.encode()
    typed = isinstance(value, (np.ndarray, np.generic)) or hasattr(value, "__array__")
    array = np.asarray(value)
    if array.dtype.kind in "OSU":
        strings = [s.encode() if isinstance(s, str) else bytes(s) for s in array.reshape(-1)]
        return BytesArray.of(strings, array.shape) if array.ndim else strings[0]
    if not typed and array.dtype == np.float64:
        array = array.astype(np.float32)
    elif not typed and array.dtype == np.int64 and np.array_equal(array, array.astype(np.int32)):
        array = array.astype(np.int32)
    return array if array.ndim else array[()]


def converted(element: Any, signature: Any) -> Any:
    """A generator's element, of the dtypes of a signature if there is one."""
    if signature is None:
        return element
    specs = leaves(signature)
    parts = leaves(element)
    if len(parts) != len(specs):
        raise TypeError(
            f"`generator` yielded an element that did not match the expected structure: {element!r}"
        )
    return packed(element, map(_typed, parts, specs))


def _typed(leaf: Any, spec: Any) -> Any:
    dtype = getattr(spec, "dtype", spec)
    dtype = getattr(dtype, "as_numpy_dtype", dtype)
    if dtype in (bytes, str, object, "string") or isinstance(leaf, (str, bytes)):
        return as_leaf(leaf)
    array = np.asarray(leaf, dtype)
    return array if array.ndim else array[()]
