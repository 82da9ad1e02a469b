"""dtypes: every way to write one becomes NumPy's name for it, or "bytes"."""

from __future__ import annotations

from typing import Any

import numpy as np

BYTES = "bytes"

# What a list of an Example holds: int64_list, float_list, bytes_list.
INT64_TYPES = ("int64", "int32", "int16", "int8", "uint64", "uint32", "uint16", "uint8", "bool")
FLOAT_TYPES = ("float32", "float16", "bfloat16", "float64")
LIST_TYPES = ("int64", "float32", BYTES)  # TensorFlow's three
RAW_TYPES = (*INT64_TYPES, *FLOAT_TYPES, "complex64", "complex128")

# TensorFlow's names where they are not NumPy's, and Python types as TensorFlow takes them.
_TENSORFLOW_NAMES = {"float32": "float", "float64": "double", "float16": "half", BYTES: "string"}
_SYNONYMS: dict[Any, str] = {
    "string": BYTES, "bytes": BYTES, "float": "float32", "double": "float64", "half": "float16",
    bytes: BYTES, object: BYTES, float: "float32", bool: "bool", int: "int64",
}  # fmt: skip


def dtype_name(dtype: Any) -> str:
    """NumPy's name of a dtype, or "bytes".

    Takes a NumPy dtype, scalar type or name, `bytes`, `np.bytes_`, "string", and a `tf.DType` or
    `torch.dtype`, which are only looked at, never imported. `float` and "float" are float32, as in
    TensorFlow. Raises TypeError for anything else.
    """
    try:
        if dtype in _SYNONYMS:
            return str(_SYNONYMS[dtype])
    except TypeError:  # not hashable
        pass
    if dtype is not None:
        name = _foreign_name(dtype)
        if name is not None:
            return name
        try:
            plain = np.dtype(dtype)
        except TypeError:
            plain = None
        if plain is not None and plain.kind in "SUO":
            return BYTES
        if plain is not None and plain.name in RAW_TYPES:
            if not plain.isnative:
                raise TypeError(
                    f"dtype {plain.str!r} has a byte order: columns have the machine's; for "
                    "stored tensors say little_endian=False"
                )
            return str(plain.name)
    raise TypeError(
        f"Cannot convert the argument `type_value`: {dtype!r} to a TensorFlow DType.\n"
        f"Known are bytes and {', '.join(RAW_TYPES)}."
    )


def _foreign_name(dtype: Any) -> str | None:
    """The name of a tf.DType ("string") or torch.dtype ("torch.int64"); of ml_dtypes' too."""
    if isinstance(dtype, str):
        return "bfloat16" if dtype == "bfloat16" else None
    name = getattr(dtype, "name", None) if hasattr(dtype, "as_numpy_dtype") else None
    if name is None and type(dtype).__module__.partition(".")[0] == "torch":
        name = str(dtype).removeprefix("torch.")
    if name is None and "bfloat16" in (getattr(dtype, "__name__", ""), getattr(dtype, "name", "")):
        name = "bfloat16"
    name = _SYNONYMS.get(name, str(name))
    return name if name in RAW_TYPES or name == BYTES else None


def numpy_dtype(name: str) -> np.dtype[Any]:
    """The dtype of this name; bfloat16 needs the package ml_dtypes, imported here."""
    if name != "bfloat16":
        return np.dtype(object if name == BYTES else name)
    try:
        import ml_dtypes
    except ImportError as error:
        raise ImportError(
            "bfloat16 columns need the package ml_dtypes: pip install ml_dtypes"
        ) from error
    bfloat16: np.dtype[Any] = np.dtype(ml_dtypes.bfloat16)
    return bfloat16


def tensorflow_name(name: str) -> str:
    """The name that TensorFlow's messages have: "float", "string", ..."""
    return _TENSORFLOW_NAMES.get(name, name)
