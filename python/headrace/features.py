"""What is wanted of a record: the feature classes.

They have the names, the parameters and the defaults of `tf.io`'s, and `tf.io`'s own objects are
accepted wherever these are. Arguments are looked at when a dataset (or a parse function) is given
the spec, as in TensorFlow; only RaggedFeature checks when it is made.

Shapes below: B is the number of records in a batch; a single example has the shape without B.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any

import numpy as np

from .dtypes import BYTES, LIST_TYPES, dtype_name
from .partitions import (
    RowLengths,
    RowLimits,
    RowSplits,
    RowStarts,
    UniformRowLength,
    ValueRowIds,
    as_partition,
)

__all__ = [
    "FixedLenFeature",
    "FixedLenSequenceFeature",
    "RaggedFeature",
    "RawFeature",
    "SparseFeature",
    "VarLenFeature",
]


class Feature:
    """What all feature classes share: equal and hashed by meaning, so that ``[10]`` is ``(10,)``
    and ``np.int64`` is ``"int64"``."""

    def meaning(self) -> tuple[Any, ...]:
        """The fields in one form out of the many that say the same."""
        fields = dataclasses.fields(self)  # type: ignore[arg-type]
        return tuple(_meaning_of(f.name, getattr(self, f.name)) for f in fields)

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return NotImplemented
        return self.meaning() == other.meaning()

    def __hash__(self) -> int:
        return hash((type(self), self.meaning()))

    def __repr__(self) -> str:
        fields = dataclasses.fields(self)  # type: ignore[arg-type]
        texts = (f"{f.name}={_field_text(f.name, getattr(self, f.name))}" for f in fields)
        return f"{type(self).__name__}({', '.join(texts)})"


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class FixedLenFeature(Feature):
    """As many values in every record as `shape` has elements.

    Result: ndarray ``(B, *shape)``; a BytesArray of that shape for bytes. Of a single example
    ``shape``; a NumPy scalar or ``bytes`` if that is ``[]``.

    dtype: int64, float32 or bytes, as stored; or narrower while parsing: any integer type or bool
    from an int64 list, float16, bfloat16 or float64 from a float list. A value that does not fit
    an integer type or bool is a ParseError.

    A record without the feature gives `default_value`, or a ParseError if there is none. An empty
    list is present: it has 0 values, and that is an error. `default_value` is converted to the
    dtype and reshaped, never broadcast: it has as many values as `shape` has elements.

    >>> records = [hr.encode_example({"a": [1, 2]}), hr.encode_example({})]
    >>> hr.parse_example(records, {"a": hr.FixedLenFeature([2], np.int64, default_value=[8, 9])})
    {'a': array([[1, 2],
           [8, 9]])}
    """

    shape: Any
    dtype: Any
    default_value: Any = None


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class VarLenFeature(Feature):
    """Any number of values; none where the feature is missing.

    Result: SparseArray of dense_shape ``[B, longest]``, indices ``(record, position)``; of a
    single example ``[n]``, indices ``(position,)``. In the lists of a SequenceExample
    ``[B, most rows, longest]`` and ``[rows, longest]``. RaggedFeature gives the same values in the
    form that most models want.

    dtype: int64, float32 or bytes.

    >>> records = [hr.encode_example({"a": [1, 2]}), hr.encode_example({})]
    >>> hr.parse_example(records, {"a": hr.VarLenFeature(np.int64)})
    {'a': SparseArray(shape=(2, 2), dtype=int64, indices=[[0, 0], [0, 1]], values=[1, 2])}
    """

    dtype: Any


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class SparseFeature(Feature):
    """Values whose places are features too.

    Result: SparseArray of dense_shape ``[B, *size]``, value k of the feature `value_key` at
    ``(record, *its indices)``; of a single example ``[*size]``. Sorted by place unless
    `already_sorted`; values at the same place are all kept, up to 16 values in their order.

    index_key: the feature (int64) that holds the indices, and `size` an int; or one for each
    dimension, and as many sizes. dtype: of the values: int64, float32 or bytes. Missing features
    have no values. Indices are not checked against `size`. Values and indices of a batch must be
    as many, else ShapeError; if only those of some record differ, the rows are those of the
    indices.

    >>> spec = {"s": hr.SparseFeature("at", "value", np.float32, size=100)}
    >>> records = [hr.encode_example({"at": [42, 7], "value": [0.5, 1.5]}), hr.encode_example({})]
    >>> hr.parse_example(records, spec)
    {'s': SparseArray(shape=(2, 100), dtype=float32, indices=[[0, 7], [0, 42]], values=[1.5, 0.5])}
    """

    index_key: Any
    value_key: str
    dtype: Any
    size: Any
    already_sorted: bool = False


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class FixedLenSequenceFeature(Feature):
    """Any number of blocks of `shape`, padded to the longest record of the batch.

    Result: ndarray ``(B, M, *shape)`` (BytesArray for bytes), M blocks being the most that a record
    of this batch has, 0 included; of a single example ``(n, *shape)``, not padded. The number of
    values must be a multiple of the elements of `shape`, else ParseError. A missing feature has 0
    blocks; `allow_missing` must be True. `default_value` is what is padded with: one value, 0 or
    ``b""`` by default.

    As a list of a SequenceExample a block is a row, which must have exactly the elements of
    `shape`; a missing list is an error unless `allow_missing`, and `default_value` must be None.

    dtype: int64, float32 or bytes.

    >>> records = [hr.encode_example({"a": [1, 2]}), hr.encode_example({})]
    >>> spec = {"a": hr.FixedLenSequenceFeature([], np.int64, allow_missing=True)}
    >>> hr.parse_example(records, spec)
    {'a': array([[1, 2],
           [0, 0]])}
    """

    shape: Any
    dtype: Any
    allow_missing: bool = False
    default_value: Any = None


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class RaggedFeature(Feature):
    """Any number of values, kept as rows of different lengths; none where the feature is missing.

    Result: RaggedArray ``(B, None)`` with row_splits of `row_splits_dtype`; of a single example a
    vector ``(n,)`` (ndarray or BytesArray). In the lists of a SequenceExample ``(B, None, None)``
    and ``(rows, None)``.

    dtype: int64, float32 or bytes. `value_key`: the feature to read, if it is not the key of the
    spec.

    Each of `partitions`, the outermost first, cuts the values of a record into rows and adds a
    dimension: RowSplits(key), RowLengths(key), RowStarts(key), RowLimits(key) and ValueRowIds(key)
    say how in another feature (int64), UniformRowLength(length) by itself. Their numbers count from
    the record's first value. In a batch the first of the row splits is not looked at. `validate`:
    rows that do not fit the values are a ShapeError; without it they come through as they are.

    >>> lengths = hr.RaggedFeature.RowLengths("lengths")
    >>> spec = {"a": hr.RaggedFeature(np.int64, partitions=[lengths])}
    >>> record = hr.encode_example({"a": [1, 2, 3], "lengths": [2, 0, 1]})
    >>> hr.parse_example([record], spec)["a"].tolist()
    [[[1, 2], [], [3]]]
    >>> hr.parse_single_example(record, spec)["a"].tolist()
    [[1, 2], [], [3]]
    """

    RowSplits = RowSplits
    RowLengths = RowLengths
    RowStarts = RowStarts
    RowLimits = RowLimits
    ValueRowIds = ValueRowIds
    UniformRowLength = UniformRowLength

    dtype: Any
    value_key: str | None = None
    partitions: Any = ()
    row_splits_dtype: Any = np.int32
    validate: bool = False

    def __post_init__(self) -> None:
        if self.value_key is not None and not isinstance(self.value_key, str):
            raise ValueError(f"Argument `value_key` must be a string; got {self.value_key}")
        if self.value_key == "":
            raise ValueError("Argument `value_key` must not be empty")
        name = dtype_name(self.dtype)
        if name not in LIST_TYPES:
            raise ValueError(f"Argument `dtype` must be int64, float32, or bytes; got tf.{name}")
        splits = dtype_name(self.row_splits_dtype)
        if splits not in ("int32", "int64"):
            # The missing space is TensorFlow's.
            splits = tensorflow_dtype_text(self.row_splits_dtype)
            raise ValueError(f"Argument `row_splits_dtype` must be int32 or int64; got{splits}")
        if not isinstance(self.partitions, (list, tuple)):
            raise TypeError(
                "Argument `partitions` must be a list or tuple. Received"
                f"partitions={self.partitions} of type {type(self.partitions).__name__}."
            )
        object.__setattr__(self, "partitions", tuple(map(as_partition, self.partitions)))
        if not isinstance(self.validate, bool):
            raise TypeError(f"Argument `validate` must be a bool; got {self.validate!r}")


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class RawFeature(Feature):
    """A tensor stored as one bytes value, decoded while parsing: ``parse_example`` and
    ``decode_raw`` in one.

    Result: ndarray ``(B, *shape)`` of `dtype`: bool, any integer, float16, bfloat16, float32,
    float64, complex64 or complex128; of a single example ``shape``. The value must have exactly
    the bytes of that tensor, else ParseError. ``little_endian=False``: the stored numbers are
    big-endian. A record without the feature gives `default_value` (as many values as `shape` has
    elements), or a ParseError if there is none.

    >>> record = hr.encode_example({"image": [b"\\x01\\x02\\x03\\x04"]})
    >>> hr.parse_example([record], {"image": hr.RawFeature([2, 2], np.uint8)})
    {'image': array([[[1, 2],
            [3, 4]]], dtype=uint8)}
    """

    shape: Any
    dtype: Any
    little_endian: bool = True
    default_value: Any = None


_CLASSES: dict[str, type[Feature]] = {
    cls.__name__: cls
    for cls in (
        FixedLenFeature,
        VarLenFeature,
        SparseFeature,
        FixedLenSequenceFeature,
        RaggedFeature,
        RawFeature,
    )
}


def as_feature(feature: Any) -> Feature | None:
    """`feature` itself, or ours made from the attributes of one of `tf.io`'s; None for anything
    else."""
    if isinstance(feature, Feature):
        return feature
    for base in type(feature).__mro__:
        cls = _CLASSES.get(base.__name__)
        if cls is not None:
            names = [f.name for f in dataclasses.fields(cls)]  # type: ignore[arg-type]
            return cls(**{name: getattr(feature, name) for name in names})
    return None


def tensorflow_text(feature: Any) -> str:
    """The feature as TensorFlow prints its own in messages."""
    if not isinstance(feature, Feature):
        return str(feature)
    texts = []
    for field in dataclasses.fields(feature):  # type: ignore[arg-type]
        value = getattr(feature, field.name)
        text = tensorflow_dtype_text(value) if field.name.endswith("dtype") else repr(value)
        texts.append(f"{field.name}={text}")
    return f"{type(feature).__name__}({', '.join(texts)})"


def tensorflow_dtype_text(dtype: Any) -> str:
    """The dtype as TensorFlow prints its own; whatever it prints, if it is none."""
    try:
        name = dtype_name(dtype)
    except TypeError:
        return repr(dtype)
    return "tf.string" if name == BYTES else f"tf.{name}"


def _meaning_of(name: str, value: Any) -> Any:
    """A hashable stand-in for one field."""
    if name.endswith("dtype"):
        return _dtype_text(value)
    if isinstance(value, np.ndarray):
        return value.shape, value.dtype.str, value.tobytes()
    if name == "shape" and isinstance(value, (int, np.integer)):
        return (int(value),)
    if isinstance(value, Iterable) and not isinstance(value, (str, bytes)):
        return tuple(_meaning_of("", v) for v in value)
    return value


def _field_text(name: str, value: Any) -> str:
    return _dtype_text(value) if name.endswith("dtype") else repr(value)


def _dtype_text(dtype: Any) -> str:
    """Its name; whatever it prints, if it is none that can be used."""
    try:
        return dtype_name(dtype)
    except TypeError:
        return repr(dtype)
