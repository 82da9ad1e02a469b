"""From a key of a record to its column in the core, and from a batch of it to single values."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Sequence
from typing import Any

from .arrays import RaggedArray, SparseArray
from .dtypes import BYTES, FLOAT_TYPES, dtype_name
from .features import (
    Feature,
    FixedLenFeature,
    FixedLenSequenceFeature,
    RawFeature,
)

# As _core.Schema takes it.
Column = tuple[bytes, str, str, str, tuple[int, ...], bool, Any, str]
Values = Any  # of a column, as _core.Loader.next() gives them


@dataclasses.dataclass(frozen=True)
class Reading:
    """A column, and what makes the value of each row for single examples."""

    column: Column
    examples: Callable[[Values], Sequence[Any]]


def read_dense(key: bytes, feature: Feature) -> Reading:
    """The reading of a complete feature of one of the dense classes."""
    return _READERS[type(feature)](key, feature)


def column_of(
    key: bytes,
    layout: str,
    name: str,
    shape: tuple[int, ...] = (),
    *,
    kind: str | None = None,
    big_endian: bool = False,
    default: Any = None,
    splits: str = "int64",
) -> Column:
    if kind is None:
        kind = BYTES if name == BYTES else "float" if name in FLOAT_TYPES else "int64"
    return key, kind, layout, name, shape, big_endian, default, splits


def _read_fixed(key: bytes, feature: Any) -> Reading:
    name, shape = dtype_name(feature.dtype), feature.shape
    return Reading(column_of(key, "fixed", name, shape, default=feature.default_value), list)


def _read_raw(key: bytes, feature: Any) -> Reading:
    column = column_of(
        key,
        "raw",
        dtype_name(feature.dtype),
        feature.shape,
        kind=BYTES,
        big_endian=not feature.little_endian,
        default=feature.default_value,
    )
    return Reading(column, list)


def _vectors(rows: RaggedArray | SparseArray) -> list[Any]:
    """The values of each row."""
    values: Any = rows.values
    cuts: Any = rows.row_splits
    return [values[a:b] for a, b in itertools.pairwise(cuts.tolist())]


def read_sparse(key: bytes, name: str) -> Reading:
    return Reading(
        column_of(key, "sparse", name),
        lambda rows: [SparseArray._of_vector(row) for row in _vectors(rows)],
    )


def read_ragged(key: bytes, name: str, splits: str) -> Reading:
    return Reading(column_of(key, "ragged", name, splits=splits), _vectors)


def _read_sequence(key: bytes, feature: Any) -> Reading:
    name, shape = dtype_name(feature.dtype), feature.shape
    column = column_of(key, "sequence", name, shape, default=feature.default_value)

    def examples(rows: RaggedArray) -> list[Any]:
        # Single examples are not padded: they come as from a ragged column.
        return [row.reshape((-1, *shape)) for row in _vectors(rows)]

    return Reading(column, examples)


_READERS: dict[type[Feature], Callable[[bytes, Any], Reading]] = {
    FixedLenFeature: _read_fixed,
    RawFeature: _read_raw,
    FixedLenSequenceFeature: _read_sequence,
}
