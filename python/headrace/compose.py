"""Values made of several columns: SparseFeatures and partitioned RaggedFeatures.

Columns are looked up by the raw keys of the features that they were read from. A batch of ragged
rows is a RaggedArray, a single example's an ndarray or a BytesArray.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from . import _core
from .arrays import RaggedArray, SparseArray
from .arrays.rows import gather
from .build_rows import (
    check_equal_splits,
    check_shape,
    ends_of,
    from_row_lengths,
    from_row_limits,
    from_row_splits,
    from_row_starts,
    from_uniform_row_length,
    from_value_rowids,
    reshape_rows,
    row_length,
)
from .errors import ShapeError
from .features import RaggedFeature, SparseFeature
from .groups import Key, raw_key
from .partitions import (
    Partition,
    RowLengths,
    RowLimits,
    RowSplits,
    RowStarts,
    UniformRowLength,
)

Columns = Mapping[bytes, Any]

_FACTORIES = {
    "RowSplits": from_row_splits,
    "RowLengths": from_row_lengths,
    "RowStarts": from_row_starts,
    "RowLimits": from_row_limits,
    "ValueRowIds": from_value_rowids,
}


def merge_sparse(feature: SparseFeature, columns: Columns) -> SparseArray:
    """The values at the places that the index columns hold. The rows are those of the first index
    column; only totals are compared."""
    keys = feature.index_key
    indices = [columns[raw_key(key)] for key in ([keys] if isinstance(keys, str) else keys)]
    values = columns[raw_key(feature.value_key)].values
    rows = indices[0].indices[:, :-1]
    for number, index in enumerate(indices, start=1):
        if len(index.values) != len(rows):
            raise ShapeError(
                "ConcatOp : Dimension 0 in both shapes must be equal: "
                f"shape[0] = [{len(rows)},{rows.shape[1]}] vs. "
                f"shape[{number}] = [{len(index.values)},1]"
            )
    if len(rows) != len(values):
        raise ShapeError(f"Dimensions {len(rows)} and {len(values)} are not compatible")
    places = np.concatenate([rows, *(index.values[:, None] for index in indices)], axis=1)
    size = [feature.size] if isinstance(feature.index_key, str) else list(feature.size)
    shape = np.concatenate([indices[0].dense_shape[:-1], np.array(size, np.int64)])
    if not feature.already_sorted:
        order = _core.sort_places(places)
        places, values = places[order], values[order]
    return SparseArray(places, values, shape)


def partition_rows(key: Key, feature: RaggedFeature, columns: Columns) -> Any:
    """The rows that the partitions make of the feature's values, outermost partition first. They
    may still have an impossible shape, which TensorFlow finds later: see check_shape()."""
    value_key = key if feature.value_key is None else feature.value_key
    rows = columns[raw_key(value_key)]
    if not isinstance(rows, RaggedArray):
        for partition in reversed(feature.partitions):
            rows = _partition(rows, partition, feature, columns)
    else:
        lists = isinstance(rows.values, RaggedArray)
        outer = rows.row_splits if lists else None
        if lists:
            rows = rows.values
        for partition in reversed(feature.partitions):
            rows = _partition_each(rows, partition, key, feature, columns, outer)
        if outer is not None:
            rows = from_row_splits(rows, outer, feature.validate)
    return rows


def _partition(values: Any, partition: Partition, feature: RaggedFeature, columns: Columns) -> Any:
    """The values of one example."""
    dtype = np.dtype(feature.row_splits_dtype)
    if isinstance(partition, UniformRowLength):
        if isinstance(values, RaggedArray):
            check_shape(values)
            return from_uniform_row_length(values, partition.length, dtype, feature.validate)
        return reshape_rows(values, partition.length, dtype)
    numbers = columns[raw_key(partition.key)].astype(dtype)  # type: ignore[attr-defined]
    return _FACTORIES[type(partition).__name__](values, numbers, feature.validate)


def _partition_each(
    rows: RaggedArray,
    partition: Partition,
    key: Key,
    feature: RaggedFeature,
    columns: Columns,
    outer: Any,
) -> RaggedArray:
    """The values of each row; a row's numbers count from its own first value."""
    validate, values = feature.validate, rows.values
    if isinstance(partition, UniformRowLength):
        return _cut_evenly(rows, partition.length, validate)
    numbers = columns[raw_key(partition.key)]  # type: ignore[attr-defined]
    if outer is not None:
        if validate:
            text = f"Feature {key!s}: values and partitions are not aligned"
            check_equal_splits(outer, numbers.row_splits, text)
        numbers = numbers.values
    if isinstance(partition, RowSplits):
        numbers = _without_first(numbers)
    given = numbers.values.astype(rows.row_splits.dtype)
    counts = np.diff(numbers.row_splits)
    if isinstance(partition, RowLengths):
        return _with_values(numbers, from_row_lengths(values, given, validate))
    if isinstance(partition, (RowSplits, RowLimits)):
        limits = _shifted(given, rows, counts)
        return _with_values(numbers, from_row_limits(values, limits, validate))
    if isinstance(partition, RowStarts):
        starts = _shifted(given, rows, counts)
        return _with_values(numbers, from_row_starts(values, starts, validate))
    lengths = np.zeros(len(counts), given.dtype)  # how many rows each row becomes
    np.maximum.at(lengths, np.repeat(np.arange(len(counts)), counts), given + given.dtype.type(1))
    rowids = given + np.repeat(ends_of(lengths)[:-1], counts)
    return from_row_lengths(from_value_rowids(values, rowids, validate), lengths, validate)


def _cut_evenly(rows: RaggedArray, length: Any, validate: bool) -> RaggedArray:
    dtype = rows.row_splits.dtype
    if isinstance(rows.values, RaggedArray):
        check_shape(rows.values)
        values: Any = from_uniform_row_length(rows.values, length, dtype, validate)
    else:
        values = reshape_rows(rows.values, length, dtype)
    size = row_length(length, length, dtype)
    if size == 0:
        raise ShapeError("Integer division by zero")
    return from_row_splits(values, rows.row_splits // dtype.type(size), validate)


def _without_first(rows: RaggedArray) -> RaggedArray:
    """Each row without its first value."""
    splits = rows.row_splits.astype(np.int64)
    starts = np.minimum(splits[:-1] + 1, splits[1:])
    positions, cuts = gather(starts, splits[1:])
    return RaggedArray._of(rows.values[positions], cuts.astype(rows.row_splits.dtype))


def _shifted(given: Any, rows: RaggedArray, counts: Any) -> Any:
    """The numbers of each row, counted from the first value of all."""
    starts = rows.row_splits[:-1]
    if len(counts) not in (1, len(starts)):
        raise ShapeError(f"Dimensions {len(starts)} and {len(counts)} are not compatible")
    shifts = np.repeat(starts, counts)
    if len(given) != len(shifts) and 1 not in (len(given), len(shifts)):
        raise ShapeError(f"Incompatible shapes: [{len(given)}] vs. [{len(shifts)}]")
    return given + shifts


def _with_values(rows: RaggedArray, values: RaggedArray) -> RaggedArray:
    """The same rows of other values."""
    if len(rows.values) != len(values):
        raise ShapeError(f"Shapes ({len(rows.values)},) and ({len(values)},) are incompatible")
    return RaggedArray._of(values, rows.row_splits)
