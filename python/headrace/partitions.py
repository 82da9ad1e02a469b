"""Partitions: how a RaggedFeature says which of its values make a row."""

from __future__ import annotations

import dataclasses
from typing import Any

__all__ = [
    "Partition",
    "RowLengths",
    "RowLimits",
    "RowSplits",
    "RowStarts",
    "UniformRowLength",
    "ValueRowIds",
    "as_partition",
]


@dataclasses.dataclass(frozen=True)
class Partition:
    """One level of rows. Equal and hashed by value."""


@dataclasses.dataclass(frozen=True)
class RowSplits(Partition):
    """Feature `key` holds where each row starts and, one more, where the last one ends."""

    key: str


@dataclasses.dataclass(frozen=True)
class RowLengths(Partition):
    """Feature `key` holds how many values each row has."""

    key: str


@dataclasses.dataclass(frozen=True)
class RowStarts(Partition):
    """Feature `key` holds where each row starts."""

    key: str


@dataclasses.dataclass(frozen=True)
class RowLimits(Partition):
    """Feature `key` holds where each row ends."""

    key: str


@dataclasses.dataclass(frozen=True)
class ValueRowIds(Partition):
    """Feature `key` holds the number of the row of each value; in order."""

    key: str


@dataclasses.dataclass(frozen=True)
class UniformRowLength(Partition):
    """Every row has `length` values."""

    length: int


_KINDS: dict[str, Any] = {
    cls.__name__: cls
    for cls in (RowSplits, RowLengths, RowStarts, RowLimits, ValueRowIds, UniformRowLength)
}
_TENSORFLOW_KINDS = ", ".join(
    f"<class 'tensorflow.python.ops.parsing_config.{name}'>" for name in _KINDS
)


def as_partition(partition: Any) -> Partition:
    """`partition` itself, or ours made from one of `tf.io.RaggedFeature`'s.

    Raises TypeError with TensorFlow's text for anything else.
    """
    if isinstance(partition, Partition):
        return partition
    cls = _KINDS.get(type(partition).__name__)
    field = "length" if cls is UniformRowLength else "key"
    if cls is None or not hasattr(partition, field):
        raise TypeError(
            "Argument `partitions` cannot be cast to any of the partition types in "
            f"({_TENSORFLOW_KINDS}); got: {partition!r} with type {type(partition)}"
        )
    made: Partition = cls(getattr(partition, field))
    return made
