"""From a key of a record to its column in the core, and from the column's part to a value."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .arrays import BytesArray, RaggedArray, SparseArray
from .dtypes import BYTES, FLOAT_TYPES, dtype_name
from .features import (
    Feature,
    FixedLenFeature,
    FixedLenSequenceFeature,
    RawFeature,
)

_INT32_MAX = 2**31 - 1

# As _core.Schema takes it.
Column = tuple[bytes, str, str, str, tuple[int, ...], bool, Any, str]
Part = Any  # what _core.Loader.next() gives for a column


@dataclasses.dataclass(frozen=True)
class Reading:
    """A column, and what becomes of its part: `batch` makes the value of a whole batch (None: the
    part as it is), `examples` the value of each row for single examples."""

    column: Column
    batch: Callable[[Part], Any] | None
    examples: Callable[[Part], Sequence[Any]]


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
    column = column_of(key, "fixed", name, shape, default=feature.default_value)
    if name == BYTES:
        return Reading(column, _strings(shape), _strings(shape))
    return _read_numbers(column)


def _read_raw(key: bytes, feature: Any) -> Reading:
    return _read_numbers(
        column_of(
            key,
            "raw",
            dtype_name(feature.dtype),
            feature.shape,
            kind=BYTES,
            big_endian=not feature.little_endian,
            default=feature.default_value,
        )
    )


def _read_numbers(column: Column) -> Reading:
    return Reading(column, None, list)


def _strings(shape: tuple[int, ...]) -> Callable[[Part], Any]:
    return lambda part: BytesArray._of(part[0], part[1], (part[2], *shape))


def _values(part: Part) -> Any:
    """The values of a ragged part: (values, splits) or (data, offsets, splits)."""
    if len(part) == 2:
        return part[0]
    return BytesArray._of(part[0], part[1], (len(part[1]) - 1,))


def _vectors(part: Part) -> list[Any]:
    """The values of each row of a ragged part."""
    values, cuts = _values(part), part[-1].tolist()
    return [values[a:b] for a, b in itertools.pairwise(cuts)]


def read_sparse(key: bytes, name: str) -> Reading:
    return Reading(
        column_of(key, "ragged", name),
        lambda part: SparseArray._of_rows(_values(part), part[-1]),
        lambda part: [SparseArray._of_vector(row) for row in _vectors(part)],
    )


def read_ragged(key: bytes, name: str, splits: str) -> Reading:
    wide = splits == "int64"
    return Reading(
        column_of(key, "ragged", name, splits=splits),
        lambda part: RaggedArray._of(_values(part), part[-1] if wide else narrow(part[-1])),
        _vectors,
    )


def narrow(row_splits: Any) -> Any:
    """Row splits as int32, which they mostly are."""
    if row_splits.dtype == np.int32:
        return row_splits
    if row_splits[-1] > _INT32_MAX:
        raise OverflowError(
            f"a batch of {row_splits[-1]} values has row splits that do not fit int32: use "
            "RaggedFeature(..., row_splits_dtype=np.int64) or smaller batches"
        )
    return row_splits.astype(np.int32)


def _read_sequence(key: bytes, feature: Any) -> Reading:
    name, shape = dtype_name(feature.dtype), feature.shape
    column = column_of(key, "sequence", name, shape, default=feature.default_value)

    def examples(part: Part) -> list[Any]:
        # Single examples are not padded: their part is that of a ragged column.
        return [row.reshape((-1, *shape)) for row in _vectors(part)]

    if name != BYTES:
        return Reading(column, None, examples)

    def batch(part: Part) -> BytesArray:
        data, offsets, blocks, rows = part
        return BytesArray._of(data, offsets, (rows, blocks, *shape))

    return Reading(column, batch, examples)


_READERS: dict[type[Feature], Callable[[bytes, Any], Reading]] = {
    FixedLenFeature: _read_fixed,
    RawFeature: _read_raw,
    FixedLenSequenceFeature: _read_sequence,
}
