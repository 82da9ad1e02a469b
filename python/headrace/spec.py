"""Spec: a dict of features, checked, as columns for the core and back again."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from . import _core
from .build_rows import check_shape
from .canonical import (
    canonical_features,
    check_block_shapes,
    check_blocks,
    check_size,
    complete_feature,
)
from .columns import Reading, Values, read_dense, read_ragged, read_sparse
from .compose import merge_sparse, partition_rows
from .features import (
    Feature,
    FixedLenFeature,
    FixedLenSequenceFeature,
    RaggedFeature,
    RawFeature,
    SparseFeature,
    VarLenFeature,
)
from .groups import Groups, Key, raw_key, result_order
from .serialized import Strings, as_core_takes

Element = dict[Key, Any]
Compose = Callable[[Mapping[bytes, Any]], Any]

_KINDS = (
    VarLenFeature,
    SparseFeature,
    FixedLenFeature,
    FixedLenSequenceFeature,
    RaggedFeature,
    RawFeature,
)


class Spec:
    """Immutable, picklable, compared by meaning; an element has its keys in the order of the
    features. Raises TypeError and ValueError with TensorFlow's text in the first line."""

    def __init__(self, features: Mapping[Any, Any]) -> None:
        if not features:
            raise ValueError(f"Argument `features` cannot be None or falsy. Got {features}")
        if not isinstance(features, Mapping):
            raise TypeError(
                f"Argument `features` must be a dict of features, got {type(features).__name__}"
            )
        check_blocks(features)
        checked = canonical_features(features, _KINDS)
        if len({raw_key(key) for key in checked}) < len(checked):
            raise ValueError(f"a key is there twice, as str and as bytes: {list(features)}")
        groups = Groups(checked)
        completed = _complete(checked, groups)
        self.features: dict[Key, Feature] = {key: completed[key] for key in features}
        self.result_order = result_order(checked, groups)

        sources = _readings(completed, groups)
        wanted = [raw_key(key) for key in self.features if raw_key(key) in sources]
        # In the order of the features as far as they name what is read.
        order = dict.fromkeys([*wanted, *sources])
        self.readings = [sources[source] for source in order]
        self._sources = list(order)
        self._schema: _core.Schema | None = None
        places = {source: place for place, source in enumerate(order)}
        # Of each feature: the column that is its value, or how it is made of columns.
        self._values: list[int | Compose] = [
            places[source] if isinstance(source, bytes) else source
            for source in (source_of(key, f) for key, f in self.features.items())
        ]
        self._composes = not all(isinstance(value, int) for value in self._values)
        self._keys = tuple(self.features)
        self._by_key = sorted(range(len(self._keys)), key=lambda i: raw_key(self._keys[i]))
        # The columns of the core are the values.
        self._plain = self._values == list(range(len(self.readings)))

    @property
    def schema(self) -> _core.Schema:
        if self._schema is None:
            self._schema = _core.Schema([reading.column for reading in self.readings])
        return self._schema

    @property
    def keys(self) -> tuple[Key, ...] | None:
        """Under which the core's columns are the values of a batch; None: element() makes them."""
        return self._keys if self._plain else None

    def parse(self, records: Strings, names: list[str], single: bool) -> Element:
        """Serialized Examples as a batch, or the only one as a single example. Raises
        ParseError."""
        columns = _core.parse_examples(as_core_takes(records), self.schema, single, names)
        return self.element(self.rows(columns)[0] if single else columns)

    def rows(self, columns: tuple[Values, ...]) -> list[tuple[Any, ...]]:
        """The rows of a chunk that was parsed as single examples, as element() takes them."""
        examples = [
            reading.examples(values) for reading, values in zip(self.readings, columns, strict=True)
        ]
        return list(zip(*examples, strict=True))

    def element(self, columns: Sequence[Any]) -> Element:
        """A batch or a single example as a dict, from the value of each column. Raises ShapeError
        for features that do not fit each other."""
        if self._plain:
            return dict(zip(self._keys, columns, strict=True))
        by_source = dict(zip(self._sources, columns, strict=True)) if self._composes else {}
        values: list[Any] = [None] * len(self._values)
        for place in self._by_key:  # so that of several mistakes TensorFlow's is found
            value = self._values[place]
            values[place] = columns[value] if isinstance(value, int) else value(by_source)
        if self._composes:
            for column in values:
                check_shape(column)
        return dict(zip(self._keys, values, strict=True))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Spec):
            return NotImplemented
        return list(self.features.items()) == list(other.features.items())

    def __hash__(self) -> int:
        return hash(tuple(self.features.items()))

    def __reduce__(self) -> tuple[object, ...]:
        return Spec, (self.features,)

    def __repr__(self) -> str:
        return repr(self.features)


def source_of(key: Key, feature: Any) -> bytes | Compose:
    """The raw key of the column that is the feature's value, or how it is made of columns."""
    if isinstance(feature, SparseFeature):
        return functools.partial(merge_sparse, feature)
    if isinstance(feature, RaggedFeature):
        if feature.partitions:
            return functools.partial(partition_rows, key, feature)
        return raw_key(key if feature.value_key is None else feature.value_key)
    return raw_key(key)


def _complete(checked: dict[Any, Feature], groups: Groups) -> dict[Any, Feature]:
    """Defaults and types, in the order in which TensorFlow looks at them."""
    completed = {key: complete_feature(checked[key], "Tdense", narrow=True) for key in groups.dense}
    for key, feature in checked.items():
        if key not in completed:
            completed[key] = complete_feature(feature, "sparse_types")
    blocks = [completed[key] for key in groups.dense]
    check_block_shapes(
        [
            (None, *f.shape) if isinstance(f, FixedLenSequenceFeature) else f.shape  # type: ignore[attr-defined]
            for f in blocks
        ]
    )
    for feature in checked.values():
        if isinstance(feature, SparseFeature):
            check_size(feature)
    return completed


def _readings(features: dict[Any, Feature], groups: Groups) -> dict[bytes, Reading]:
    """By raw keys."""
    readings = {raw_key(key): read_dense(raw_key(key), features[key]) for key in groups.dense}
    for key, name in groups.sparse.items():
        readings[raw_key(key)] = read_sparse(raw_key(key), name)
    for key, (name, splits) in groups.ragged.items():
        readings[raw_key(key)] = read_ragged(raw_key(key), name, splits)
    return readings
