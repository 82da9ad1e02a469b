"""Making data: ``tf.train.Example`` bytes from Python values, and TFRecord files from bytes."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, BinaryIO

import numpy as np

from . import _core
from .arrays import BytesArray, RaggedArray

__all__ = ["TFRecordWriter", "encode_example"]

_BUFFER_SIZE = 256 << 10
_INT64_MIN, _INT64_MAX = -(2**63), 2**63 - 1


def encode_example(features: Mapping[str | bytes, Any]) -> bytes:
    """The bytes of a ``tf.train.Example`` that holds these features.

    The kind of a feature follows from its value:

    ==============================================================  ==========
    value                                                           list
    ==============================================================  ==========
    int, bool, a list of them, an integer or bool array             int64
    float, a list with at least one, a floating array               float
    bytes, bytearray, memoryview, a list of them, a BytesArray      bytes
    ``None``, ``[]``                                                no kind
    ==============================================================  ==========

    Arrays of any shape are flattened in C order, those of objects are taken as lists; NumPy scalars
    count as Python's. Floats are rounded to float32, those too large become infinite. An empty
    array keeps its kind, a plain ``[]`` has none to keep. Features are written in the order of the
    mapping, str keys as UTF-8.

    Raises ``ValueError`` for an integer that int64 does not hold, for a key given twice and for an
    Example of 2 GiB or more; ``TypeError`` for str values and for lists that mix bytes and numbers.
    """
    return _core.encode_example(
        [(key, _values(key, value), None) for key, value in _by_raw_key(features).items()]
    )


class TFRecordWriter:
    """Writes records to a TFRecord file, which is created or truncated.

    ``options`` is a compression type or an object that has one as ``compression_type``. Only
    uncompressed files (``None`` or ``""``) are written so far.

    Records may lie in a buffer until :meth:`flush` or :meth:`close`; a writer is a context manager
    that closes. Failures of the file system are ``OSError`` with the path.

    ::

        with hr.TFRecordWriter("train.tfrecord") as writer:
            writer.write(hr.encode_example({"label": 1}))
    """

    def __init__(self, path: str | os.PathLike[str], options: Any = None) -> None:
        compression_type = getattr(options, "compression_type", options)
        if compression_type not in (None, "", "GZIP", "ZLIB"):
            raise ValueError(f'Not a valid compression_type: "{compression_type}"')
        if compression_type:
            raise NotImplementedError(
                f"compression_type={compression_type!r} is not supported yet for writing"
            )
        self._file: BinaryIO = open(os.fspath(path), "wb", buffering=_BUFFER_SIZE)

    def write(self, record: bytes | bytearray | str) -> None:
        """Appends one record. A str is written as UTF-8; other types are a ``TypeError``."""
        if isinstance(record, str):
            record = record.encode()
        elif not isinstance(record, (bytes, bytearray)):
            raise TypeError(f"a record is bytes, not {type(record).__name__}")
        self._open_file().write(_core.frame_records([record]))

    def write_batch(self, features: Mapping[str | bytes, Any]) -> None:
        """Appends one Example for each row of these columns.

        A column is an array, BytesArray or list of B rows, numeric or of bytes, or a RaggedArray of
        one level; what a row holds is flattened. Raises ``ValueError`` for columns of different
        lengths, else what :func:`encode_example` raises.
        """
        columns = [(key, *_rows(key, value)) for key, value in _by_raw_key(features).items()]
        lengths = {key: len(splits) - 1 for key, _, splits in columns}
        if not lengths:
            raise ValueError("write_batch needs at least one column, which says how many rows")
        if len(set(lengths.values())) > 1:
            raise ValueError(f"columns of different lengths: {lengths}")
        rows = next(iter(lengths.values()))
        self._open_file().write(_core.encode_records(columns, rows))

    def flush(self) -> None:
        """Hands everything written so far to the operating system."""
        self._open_file().flush()

    def close(self) -> None:
        """Flushes and closes. A second call does nothing."""
        self._file.close()

    def __enter__(self) -> TFRecordWriter:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def _open_file(self) -> BinaryIO:
        if self._file.closed:
            raise ValueError("Writer is closed.")
        return self._file


def _by_raw_key(features: Mapping[str | bytes, Any]) -> dict[bytes, Any]:
    raw: dict[bytes, Any] = {}
    for key, value in features.items():
        if not isinstance(key, (str, bytes)):
            raise TypeError(f"a feature's name is str or bytes, not {type(key).__name__}")
        raw_key = key.encode() if isinstance(key, str) else bytes(key)
        if raw_key in raw:
            raise ValueError(f"feature {_shown(raw_key)} is given twice, as str and as bytes")
        raw[raw_key] = value
    return raw


def _shown(key: bytes) -> str:
    return repr(key.decode(errors="backslashreplace"))


def _values(key: bytes, value: Any) -> Any:
    """Values of one row as the core takes them: None, an int64 or float32 array, a list of bytes,
    or (data, offsets)."""
    if value is None:
        return None
    if isinstance(value, np.ndarray):
        return _array_values(key, value.reshape(-1))
    if isinstance(value, BytesArray):
        return value.data, value.offsets
    if isinstance(value, (list, tuple)):
        return _list_values(key, list(value))
    return _list_values(key, [value])


def _rows(key: bytes, column: Any) -> tuple[Any, np.ndarray]:
    """A column of a batch as (values, row splits)."""
    if isinstance(column, (list, tuple)):
        return _list_values(key, list(column)), np.arange(len(column) + 1, dtype=np.int64)
    splits = None
    if isinstance(column, RaggedArray):
        column, splits = column.values, np.ascontiguousarray(column.row_splits, np.int64)
    if not isinstance(column, (np.ndarray, BytesArray)) or column.ndim == 0:
        raise TypeError(
            f"feature {_shown(key)}: a column is an array or a list of rows, or rows of different "
            f"lengths in one level; not {type(column).__name__}"
        )
    if splits is None:
        splits = np.arange(len(column) + 1, dtype=np.int64)
    return _values(key, column), splits * (column.size // max(1, len(column)))


def _array_values(key: bytes, array: np.ndarray) -> Any:
    kind, name = array.dtype.kind, array.dtype.name
    if kind in "iub":
        if kind == "u" and array.size and int(array.max()) > _INT64_MAX:
            raise _out_of_range(key, int(array[array > np.uint64(_INT64_MAX)][0]))
        return np.ascontiguousarray(array, np.int64)
    if kind == "f" or name == "bfloat16":
        with np.errstate(over="ignore"):
            return np.ascontiguousarray(array, np.float32)
    if kind in "SO":
        return _list_values(key, array.tolist())
    if kind == "U":
        raise _text_found(key)
    raise TypeError(f"feature {_shown(key)}: an Example holds no {name} values")


def _list_values(key: bytes, values: list[Any]) -> Any:
    kinds = {_kind_of(key, value) for value in values}
    if not kinds:
        return None
    if kinds == {"int64"}:
        ints = [int(v) for v in values]
        for v in ints:
            if not _INT64_MIN <= v <= _INT64_MAX:
                raise _out_of_range(key, v)
        return np.array(ints, np.int64)
    if kinds == {"bytes"}:
        return values
    if "bytes" in kinds:
        raise TypeError(f"feature {_shown(key)}: a list holds either bytes or numbers, not both")
    try:
        return _array_values(key, np.array([float(v) for v in values], np.float64))
    except OverflowError:
        raise _out_of_range(key, max(values, key=abs)) from None


def _kind_of(key: bytes, value: Any) -> str:
    if isinstance(value, (bytes, bytearray, memoryview)):
        return "bytes"
    if isinstance(value, (bool, int, np.bool_, np.integer)):
        return "int64"
    if isinstance(value, (float, np.floating)) or type(value).__name__ == "bfloat16":
        return "float"
    if isinstance(value, str):
        raise _text_found(key)
    raise TypeError(
        f"feature {_shown(key)}: expected int, float or bytes, {type(value).__name__} found"
    )


def _out_of_range(key: bytes, value: int) -> ValueError:
    return ValueError(f"Value out of range: {value} (feature {_shown(key)})")


def _text_found(key: bytes) -> TypeError:
    return TypeError(f"expected bytes, str found (feature {_shown(key)}): encode text first")
