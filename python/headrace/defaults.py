"""default_value: converted as TensorFlow converts, reshaped, never broadcast."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from .dtypes import BYTES, numpy_dtype, tensorflow_name

Default = npt.NDArray[Any] | list[bytes]


def convert_default(value: Any, dtype: str, count: int) -> Default | None:
    """`count` values of `dtype` as a 1-D array, as a list for bytes; None if there are none.

    TensorFlow's rules: arrays are cast, Python values must be of the dtype's family (ints for
    int64, numbers for float32, str and bytes for bytes; True is 1), and the number of values must
    be right. Raises TypeError or ValueError with TensorFlow's text.
    """
    flat: Default
    if dtype == BYTES:
        flat = _strings(value)
    elif isinstance(value, (np.ndarray, np.generic)):
        flat = _cast(np.asarray(value), dtype)
    else:
        flat = _numbers(value, dtype)
    if len(flat) != count:
        raise ValueError(
            f"Input to reshape is a tensor with {len(flat)} values, "
            f"but the requested shape has {count}"
        )
    return flat if count else None


def _flatten(value: Any) -> list[Any]:
    """The leaves of nested lists and tuples of one shape."""
    if not isinstance(value, (list, tuple)):
        return [value]
    rows = [_flatten(item) for item in value]
    if (
        len(
            {
                (len(row), isinstance(item, (list, tuple)))
                for row, item in zip(rows, value, strict=True)
            }
        )
        > 1
    ):
        raise ValueError("Can't convert non-rectangular Python sequence to Tensor.")
    return [leaf for row in rows for leaf in row]


def _strings(value: Any) -> list[bytes]:
    if isinstance(value, np.ndarray):
        value = value.reshape(-1).tolist()
    leaves = _flatten(value)
    for leaf in leaves:
        if not isinstance(leaf, (str, bytes)):
            raise TypeError(f"Cannot convert {value!r} to EagerTensor of dtype string")
    return [bytes(v) if isinstance(v, bytes) else v.encode() for v in leaves]


def _numbers(value: Any, dtype: str) -> npt.NDArray[Any]:
    leaves = _flatten(value)
    target = numpy_dtype(dtype)
    if None in leaves:
        raise ValueError(
            "Attempt to convert a value (None) with an unsupported type "
            "(<class 'NoneType'>) to a Tensor."
        )
    kinds = {"c": "biufc"}.get(target.kind, "biu" if target.kind in "biu" else "biuf")
    if any(np.asarray(leaf).dtype.kind not in kinds + "O" for leaf in leaves) or any(
        isinstance(leaf, (str, bytes)) for leaf in leaves
    ):
        raise TypeError(
            f"Cannot convert {value!r} to EagerTensor of dtype {tensorflow_name(dtype)}"
        )
    if target.kind in "biu":
        return _whole_numbers(leaves, target)
    with np.errstate(over="ignore"):  # 1e300 is inf in float32, as in TensorFlow
        return np.array([complex(v) if target.kind == "c" else float(v) for v in leaves]).astype(
            target
        )


def _cast(array: npt.NDArray[Any], dtype: str) -> npt.NDArray[Any]:
    """As astype() does; but a value must fit where TensorFlow knows no such dtype."""
    target = numpy_dtype(dtype)
    if array.dtype.kind not in "biufc" and array.dtype != target:
        return _numbers(array.reshape(-1).tolist(), dtype)
    with np.errstate(all="ignore"):
        flat = np.ascontiguousarray(array.reshape(-1).astype(target))
    if target.kind in "biu" and dtype != "int64" and array.dtype.kind in "biu":
        return _whole_numbers(array.reshape(-1).tolist(), target)
    return flat


def _whole_numbers(leaves: list[Any], target: np.dtype[Any]) -> npt.NDArray[Any]:
    low, high = (0, 1) if target.kind == "b" else (np.iinfo(target).min, np.iinfo(target).max)
    numbers = [int(v) for v in leaves]
    for number in numbers:
        if not low <= number <= high:
            raise ValueError(
                "Can't convert Python sequence with out-of-range integer to Tensor.\n"
                f"{number} does not fit {target.name}."
            )
    return np.array(numbers, target)
