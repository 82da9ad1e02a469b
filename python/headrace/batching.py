"""Verbs that make batches, or take them apart."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .chain import Chained
from .element_spec import fixed_leaves
from .verbs import Batch, BucketBySequenceLength, PaddedBatch, RaggedBatch, Rebatch, Unbatch

if TYPE_CHECKING:
    from .dataset import Dataset


class Batching(Chained):
    __slots__ = ()

    def batch(
        self,
        batch_size: int,
        drop_remainder: bool = False,
        num_parallel_calls: int | None = None,
        deterministic: bool | None = None,
        name: str | None = None,
    ) -> Dataset:
        """Combines `batch_size` consecutive elements; the last batch may be smaller, or is left out
        with `drop_remainder`. Raises ValueError for a size below 1."""
        return self._then(Batch(_size(batch_size), bool(drop_remainder)))

    def padded_batch(
        self,
        batch_size: int,
        padded_shapes: Any = None,
        padding_values: Any = None,
        drop_remainder: bool = False,
        name: str | None = None,
    ) -> Dataset:
        """Batches of elements of different shapes, filled up to the longest.

        padded_shapes: a shape for each leaf, in the structure of an element; None or -1 as an
            extent: as long as the longest. An element that is larger is a DataLossError.
        padding_values: a value for each leaf, or one for all; None: 0 or b"".
        """
        shapes, values = _structure(padded_shapes), padding_values
        return self._then(
            PaddedBatch(
                _size(batch_size), bool(drop_remainder), repr((shapes, values)), shapes, values
            )
        )

    def ragged_batch(
        self,
        batch_size: int,
        drop_remainder: bool = False,
        row_splits_dtype: Any = np.int64,
        name: str | None = None,
    ) -> Dataset:
        """Batches of elements of different lengths, as RaggedArrays; features of a known shape, and
        numbers, are stacked."""
        splits = np.dtype(getattr(row_splits_dtype, "as_numpy_dtype", row_splits_dtype)).name
        if splits not in ("int64", "int32"):
            raise ValueError(f"row_splits_dtype must be int64 or int32, got {splits}")
        fixed = fixed_leaves(self._verbs)
        return self._then(RaggedBatch(_size(batch_size), bool(drop_remainder), splits, fixed))

    def unbatch(self, name: str | None = None) -> Dataset:
        """The rows of batches as elements."""
        return self._then(Unbatch())

    def rebatch(
        self,
        batch_size: int | Sequence[int],
        drop_remainder: bool = False,
        name: str | None = None,
    ) -> Dataset:
        """The rows of batches in batches of another size; of several sizes, by turns."""
        sizes = tuple(map(_size, batch_size if isinstance(batch_size, Iterable) else [batch_size]))
        if not sizes:
            raise ValueError("`batch_size` must not be empty.")
        return self._then(Rebatch(sizes, bool(drop_remainder)))

    def bucket_by_sequence_length(
        self,
        element_length_func: Callable[..., Any],
        bucket_boundaries: Sequence[int],
        bucket_batch_sizes: Sequence[int],
        padded_shapes: Any = None,
        padding_values: Any = None,
        pad_to_bucket_boundary: bool = False,
        no_padding: bool = False,
        drop_remainder: bool = False,
        name: str | None = None,
    ) -> Dataset:
        """Batches of elements that are about as long: those from one boundary up to the next share
        a bucket, which becomes a batch when it is full (or at the end, the shortest first).

        pad_to_bucket_boundary: up to one less than the boundary, instead of to the longest.
        no_padding: elements are stacked. Raises ValueError as TensorFlow does.
        """
        boundaries = tuple(operator.index(n) for n in bucket_boundaries)
        sizes = tuple(_size(n) for n in bucket_batch_sizes)
        if len(sizes) != len(boundaries) + 1:
            raise ValueError(
                "`len(bucket_batch_sizes)` must equal `len(bucket_boundaries) + 1` but `len("
                f"bucket_batch_sizes)={len(sizes)}` and `len(bucket_boundaries)={len(boundaries)}`."
            )
        if list(boundaries) != sorted(boundaries):
            raise ValueError(f"bucket_boundaries must not decrease, got {list(boundaries)}")
        shapes = _structure(padded_shapes)
        return self._then(
            BucketBySequenceLength(
                element_length_func,
                boundaries,
                sizes,
                bool(pad_to_bucket_boundary),
                not no_padding,
                bool(drop_remainder),
                repr((shapes, padding_values)),
                shapes,
                padding_values,
            )
        )


def _size(batch_size: Any) -> int:
    size = operator.index(batch_size)
    if size <= 0:
        raise ValueError("Batch size must be greater than zero.")
    return size


def _structure(shapes: Any) -> Any:
    """Shapes as lists, so that a tuple is a structure. A tuple of extents is a shape, too."""
    if shapes is None:
        return None
    if isinstance(shapes, dict):
        return {key: _structure(shape) for key, shape in shapes.items()}
    if hasattr(shapes, "as_list"):
        return shapes.as_list()
    if isinstance(shapes, tuple) and not all(
        n is None or isinstance(n, (int, np.integer)) for n in shapes
    ):
        return tuple(map(_structure, shapes))
    return list(shapes)
