"""Groups: which features of a record are read, and in which of three ways.

A key of a record is read as dense, sparse or ragged: once, with one type, whatever features share
it. The order of the keys is TensorFlow's, and so is that of its results.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .dtypes import BYTES, dtype_name
from .features import Feature, RaggedFeature, SparseFeature, VarLenFeature
from .partitions import UniformRowLength

Key = str | bytes


def raw_key(key: Key) -> bytes:
    return key.encode() if isinstance(key, str) else key


class Groups:
    """The keys of canonical features, which come in sorted order. Raises ValueError with
    TensorFlow's text for features that cannot share a key."""

    def __init__(self, features: Mapping[Any, Feature]) -> None:
        self.dense: list[Key] = []
        self.sparse: dict[Key, str] = {}  # the type of their values
        self.ragged: dict[Key, tuple[str, str]] = {}  # and that of the row splits
        for key, feature in features.items():
            self._add(key, feature)
        _check_apart(("Dense", self.dense), ("sparse", list(self.sparse)))
        _check_apart(("Dense", self.dense), ("ragged", list(self.ragged)))
        _check_apart(("Ragged", list(self.ragged)), ("sparse", list(self.sparse)))

    def keys(self) -> list[bytes]:
        """All of them, in the order of TensorFlow's results."""
        return [raw_key(key) for key in (*self.sparse, *self.dense, *self.ragged)]

    def _add(self, key: Key, feature: Any) -> None:
        if isinstance(feature, VarLenFeature):
            self._add_sparse(key, dtype_name(feature.dtype))
        elif isinstance(feature, SparseFeature):
            keys = feature.index_key
            for index in [keys] if isinstance(keys, str) else sorted(keys):
                self._add_sparse(index, "int64")
            self._add_sparse(feature.value_key, dtype_name(feature.dtype))
        elif isinstance(feature, RaggedFeature):
            splits = dtype_name(feature.row_splits_dtype)
            value_key = key if feature.value_key is None else feature.value_key
            self._add_ragged(value_key, dtype_name(feature.dtype), splits)
            for partition in feature.partitions:
                if not isinstance(partition, UniformRowLength):
                    self._add_ragged(partition.key, "int64", splits)
        else:
            self.dense.append(key)

    def _add_sparse(self, key: Key, name: str) -> None:
        _check_same("type", self.sparse.setdefault(key, name), name, key)

    def _add_ragged(self, key: Key, name: str, splits: str) -> None:
        first, first_splits = self.ragged.setdefault(key, (name, splits))
        _check_same("type", first, name, key)
        _check_same("partition type", first_splits, splits, key)


def result_order(features: Mapping[Any, Feature], groups: Groups) -> list[Any]:
    """The keys of the features in the order of TensorFlow's result: as they are read; then those
    that only name what is made of others, sorted (as `features` are)."""
    by_raw = {raw_key(key): key for key in features}
    read = [by_raw[key] for key in groups.keys() if key in by_raw]
    made = [key for key in features if key not in read]
    return read + made


def _check_same(what: str, one: str, two: str, key: Key) -> None:
    if one != two:
        raise ValueError(
            f"Conflicting {what} {_tensorflow_repr(one)} vs {_tensorflow_repr(two)} "
            f"for feature {key!s}."
        )


def _tensorflow_repr(name: str) -> str:
    return f"<dtype: '{'string' if name == BYTES else name}'>"


def _check_apart(one: tuple[str, list[Key]], two: tuple[str, list[Key]]) -> None:
    (name, keys), (other, others) = one, two
    both = {raw_key(key) for key in keys} & {raw_key(key) for key in others}
    if not both:
        return
    same = set(keys).intersection(set(others)) or both  # printed in the order of TensorFlow's set
    head = f"{name} and {other} keys must not intersect; {name.lower()}_keys: "
    tail = f"{keys}, {other}_keys: {others}, intersection: "
    tail += str(same)
    if (name, other) == ("Dense", "ragged"):
        raise ValueError(head, tail)  # two arguments: so TensorFlow's text prints as a tuple
    raise ValueError(head + tail)
