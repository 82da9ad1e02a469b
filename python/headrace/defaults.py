"""default_value: converted as TensorFlow converts, reshaped, never broadcast.

TensorFlow has two ways. Arrays and NumPy scalars are cast, whatever they hold. Python values must
be of the dtype's family (ints for int64, numbers for float32, str and bytes for bytes); where they
are not, the error says what they would have been: its type is that of the first value, ints giving
way to floats.
"""

from __future__ import annotations

import numbers
import warnings
from typing import Any

import numpy as np
import numpy.typing as npt

from .dtypes import BYTES, numpy_dtype, tensorflow_name

Default = npt.NDArray[Any] | list[bytes]

_MIXED = "Can't convert Python sequence with mixed types to Tensor."
_RAGGED = "Can't convert non-rectangular Python sequence to Tensor."
_RANGE = "Can't convert Python sequence with out-of-range integer to Tensor."


def convert_default(value: Any, dtype: str, count: int) -> Default | None:
    """`count` values of `dtype` as a 1-D array, as a list for bytes; None if there are none.

    Raises TypeError or ValueError with TensorFlow's text.
    """
    if isinstance(value, (bytearray, memoryview)):
        array: Any = np.frombuffer(value, np.uint8)
        flat: Default = _whole(array.tolist(), value, dtype)
    elif isinstance(value, (np.ndarray, np.generic)) or _is_tensor(value):
        array = np.asarray(value).reshape(-1)
        flat = _array_strings(array) if dtype == BYTES else _cast(array, dtype)
    else:
        flat = _whole(_flatten(value), value, dtype)
    if len(flat) != count:
        raise ValueError(
            f"Input to reshape is a tensor with {len(flat)} values, "
            f"but the requested shape has {count}"
        )
    return flat if count else None


def _is_tensor(value: Any) -> bool:
    return hasattr(value, "__array__")


def _flatten(value: Any) -> list[Any]:
    """The leaves of nested lists and tuples of one shape."""
    shape: list[int] = []
    first = value
    while _is_sequence(first):
        shape.append(len(first))
        if not len(first):
            break
        first = first[0]
    else:
        _family(first)  # which also refuses what no tensor can hold
    leaves: list[Any] = []
    _collect(value, shape, leaves)
    return leaves


def _is_sequence(value: Any) -> bool:
    if isinstance(value, np.ndarray):
        return value.ndim > 0
    return isinstance(value, (list, tuple, range))


def _collect(value: Any, shape: list[int], leaves: list[Any]) -> None:
    if not shape:
        if _is_sequence(value):
            raise ValueError(_MIXED)
        leaves.append(value.item() if isinstance(value, np.ndarray) else value)
        return
    if not _is_sequence(value) or len(value) != shape[0]:
        raise ValueError(_RAGGED)
    for item in value:
        _collect(item, shape[1:], leaves)


def _family(leaf: Any) -> str:
    """What TensorFlow takes a Python value for: "b", "i", "f", "c" or "s"."""
    if isinstance(leaf, np.ndarray):
        leaf = leaf[()]
    if isinstance(leaf, (bool, np.bool_)):
        return "b"
    if isinstance(leaf, (str, bytes)):
        return "s"
    for kind, base in (("i", numbers.Integral), ("f", numbers.Real), ("c", numbers.Complex)):
        if isinstance(leaf, base):
            return kind
    raise ValueError(
        f"Attempt to convert a value ({leaf!r}) with an unsupported type ({type(leaf)}) to a "
        "Tensor."
    )


def _accepts(family: str, leaf: Any) -> bool:
    """Whether a tensor of the family can hold the value."""
    try:
        mine = _family(leaf)
    except ValueError:
        return False
    if mine == "b":  # Python's are ints
        return family == "b" or (family in "ifc" and isinstance(leaf, bool))
    return mine == family or mine + family in ("if", "ic", "fc")


def _whole(leaves: list[Any], value: Any, dtype: str) -> Default:
    """Python values as `dtype`. `value` is what the leaves came from, for messages."""
    target = numpy_dtype(dtype)
    wanted = "s" if dtype == BYTES else {"u": "i"}.get(target.kind, target.kind)
    wanted = wanted if wanted in "bifcs" else "f"  # bfloat16
    here_also = "i" if wanted == "b" else wanted  # 0 and 1 are bools here
    if not all(_accepts(wanted, leaf) or _accepts(here_also, leaf) for leaf in leaves):
        _check_consistent(leaves)
        shown = leaves[0] if isinstance(value, range) else value
        raise TypeError(
            f"Cannot convert {shown!r} to EagerTensor of dtype {tensorflow_name(dtype)}"
        )
    if dtype == BYTES:
        return [leaf.encode() if isinstance(leaf, str) else bytes(leaf) for leaf in leaves]
    if here_also == "i":
        return _whole_numbers([int(leaf) for leaf in leaves], target)
    with np.errstate(over="ignore"):  # 1e300 is inf in float32, as in TensorFlow
        python = complex if wanted == "c" else float
        return np.array([python(leaf) for leaf in leaves], python).astype(target)


def _check_consistent(leaves: list[Any]) -> None:
    """Raises ValueError for values that no tensor can hold together."""
    family = _family(leaves[0])
    if family == "i" and any(_accepts("f", leaf) and not _accepts("i", leaf) for leaf in leaves):
        family = "f"
    if not all(_accepts(family, leaf) for leaf in leaves):
        raise ValueError(_MIXED)
    if family == "i" and any(not -(2**63) <= int(leaf) < 2**63 for leaf in leaves):
        raise ValueError(_RANGE)


def _array_strings(array: npt.NDArray[Any]) -> list[bytes]:
    strings = []
    for item in array.tolist():
        if not isinstance(item, (str, bytes)):
            kind = type(item)
            module = "" if kind.__module__ == "builtins" else kind.__module__ + "."
            raise ValueError(
                "Failed to convert a NumPy array to a Tensor (Unsupported object type "
                f"{module}{kind.__name__})."
            )
        strings.append(item.encode() if isinstance(item, str) else item)
    return strings


def _cast(array: npt.NDArray[Any], dtype: str) -> npt.NDArray[Any]:
    """As astype() does; but a value must fit where TensorFlow knows no such dtype."""
    target = numpy_dtype(dtype)
    if target.kind in "biu" and dtype != "int64" and array.dtype.kind in "biu":
        return _whole_numbers(array.tolist(), target)
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # complex numbers lose their imaginary part
        return np.ascontiguousarray(array.astype(target))


def _whole_numbers(leaves: list[int], target: np.dtype[Any]) -> npt.NDArray[Any]:
    low, high = (0, 1) if target.kind == "b" else (np.iinfo(target).min, np.iinfo(target).max)
    for number in leaves:
        if not low <= number <= high:
            raise ValueError(f"{_RANGE}\n{number} does not fit {target.name}.")
    return np.array(leaves, target)
