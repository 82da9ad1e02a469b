"""Serialized protos from Python, in any of the forms in which they come."""

from __future__ import annotations

from typing import Any

import numpy as np

from .arrays import BytesArray

Shape = tuple[int, ...]
Strings = list[Any] | BytesArray  # bytes-likes; an array of one dimension


def as_core_takes(strings: Strings) -> list[Any] | tuple[Any, Any]:
    return (strings._data, strings._offsets) if isinstance(strings, BytesArray) else strings


def views_of(strings: Strings) -> list[Any]:
    """Bytes-likes; nothing is copied."""
    if isinstance(strings, BytesArray):
        return [strings.view(i) for i in range(len(strings))]
    return strings


def strings_of(value: Any) -> tuple[Strings, Shape]:
    """The strings one behind the other, and their shape: () for a scalar.

    Takes bytes-likes, str (as UTF-8), lists and tuples of them, nested too, a BytesArray, arrays of
    bytes, and whatever NumPy makes such an array of. Raises TypeError and ValueError.
    """
    if isinstance(value, BytesArray):
        return value.reshape(-1), value.shape
    if isinstance(value, str):
        return [value.encode()], ()
    if isinstance(value, (bytes, bytearray, memoryview)):
        return [value], ()
    if value is None:
        raise ValueError(
            "Attempt to convert a value (None) with an unsupported type (<class 'NoneType'>) to a "
            "Tensor."
        )
    if isinstance(value, (list, tuple)):
        return _joined(value)
    if not hasattr(value, "__array__"):
        raise TypeError(f"serialized protos are bytes, got {type(value).__name__}")
    array = np.asarray(value)
    if array.dtype.kind not in "SUO" and array.size:
        raise TypeError(f"serialized protos are bytes, got an array of {array.dtype}")
    strings = [strings_of(item)[0][0] for item in array.reshape(-1).tolist()]
    return strings, array.shape


def _joined(values: Any) -> tuple[Strings, Shape]:
    if all(type(value) is bytes for value in values):
        return list(values), (len(values),)
    parts = [strings_of(value) for value in values]
    shapes = {shape for _, shape in parts}
    if len(shapes) > 1:
        mixed = len({len(shape) for shape in shapes}) > 1
        what = "Python sequence with mixed types" if mixed else "non-rectangular Python sequence"
        raise ValueError(f"Can't convert {what} to Tensor.")
    return [string for strings, _ in parts for string in strings], (len(parts), *shapes.pop())


def names_of(value: Any) -> tuple[list[str], Shape]:
    """example_names: texts for messages, and their shape; (0,) for none."""
    if value is None:
        return [], (0,)
    try:
        strings, shape = strings_of(value)
    except TypeError as error:
        raise TypeError(f"Cannot convert {value!r} to EagerTensor of dtype string") from error
    return [bytes(string).decode(errors="surrogateescape") for string in strings], shape


def shape_text(shape: Shape) -> str:
    return "[" + ",".join(map(str, shape)) + "]"
