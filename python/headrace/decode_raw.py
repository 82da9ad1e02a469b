"""decode_raw: the bytes of strings as numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from .dtypes import dtype_name, numpy_dtype, tensorflow_name
from .errors import ShapeError
from .serialized import strings_of, views_of

_TYPES = (
    "float16", "float32", "float64", "int32", "uint16", "uint8", "int16", "int8", "int64",
    "complex64", "complex128", "bool", "bfloat16",
)  # fmt: skip
_PADDED_TYPES = (
    "float16", "float32", "float64", "int32", "uint16", "uint8", "int16", "int8", "int64",
    "bfloat16",
)  # fmt: skip


def decode_raw(
    input_bytes: Any,
    out_type: Any,
    little_endian: bool = True,
    fixed_length: int | None = None,
    name: str | None = None,
) -> npt.NDArray[Any]:
    """The bytes of each string as numbers of `out_type`: one more dimension than `input_bytes`.

    All strings have the same length, a multiple of the size of `out_type`, else ShapeError;
    with `fixed_length` each is cut, or filled up with zero bytes, to so many. ``little_endian=
    False``: the numbers are big-endian; complex numbers are two. Types: bool, float16, bfloat16,
    float32, float64, int8 to int64, uint8, uint16, complex64 and complex128; with `fixed_length`
    neither bool, float16 nor complex ones. Raises ValueError for others.

    >>> hr.decode_raw([b"\\x01\\x00\\x02\\x00"], np.int16)
    array([[1, 2]], dtype=int16)
    """
    try:
        kind = dtype_name(out_type)
    except TypeError as error:
        raise TypeError(f"Expected DataType for argument 'out_type' not {out_type!r}.") from error
    allowed = _TYPES if fixed_length is None else _PADDED_TYPES
    if kind not in allowed:
        raise ValueError(
            f"Value for attr 'out_type' of {tensorflow_name(kind)} is not in the list of allowed "
            f"values: {', '.join(map(tensorflow_name, allowed))}"
        )
    given, shape = strings_of(input_bytes)
    strings = views_of(given)
    dtype = numpy_dtype(kind)
    if fixed_length is None:
        length = _common_length(strings, kind, dtype.itemsize)
    else:
        length = fixed_length
        if kind == "float16":
            raise ValueError(
                "Could not find device for node: {{node DecodePaddedRaw}} = DecodePaddedRaw["
                f"little_endian={str(bool(little_endian)).lower()}, out_type=DT_HALF]"
            )
        if length <= 0:
            raise ValueError(f"fixed_length ({length}) must be greater than zero.")
        if length % dtype.itemsize:
            raise ValueError(
                f"fixed_length ({length}) must be a multiple of the size of out_type "
                f"({dtype.itemsize})"
            )
        strings = [bytes(string)[:length].ljust(length, b"\0") for string in strings]
    # A copy that can be written to, in the machine's order of bytes.
    numbers = np.frombuffer(bytearray().join(strings), dtype)
    if not little_endian:
        parts = numbers.view(np.dtype(f"f{dtype.itemsize // 2}")) if dtype.kind == "c" else numbers
        parts.byteswap(inplace=True)
    return numbers.reshape((*shape, length // dtype.itemsize))


def _common_length(strings: list[Any], kind: str, size: int) -> int:
    lengths = [memoryview(string).nbytes for string in strings]
    if not lengths:
        return 0
    for number, length in enumerate(lengths):
        if length != lengths[0]:
            raise ShapeError(
                "DecodeRaw requires input strings to all be the same size, but element "
                f"{number} has size {lengths[0]} != {length}"  # in this order in TensorFlow
            )
    if lengths[0] % size:
        raise ShapeError(
            f"Input to DecodeRaw has length {lengths[0]} that is not a multiple of {size}, the "
            f"size of {tensorflow_name(kind)}"
        )
    return lengths[0]
