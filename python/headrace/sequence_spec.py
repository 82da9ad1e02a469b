"""SequenceSpec: the features of a SequenceExample, checked, as columns for the core and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from . import _core
from .arrays import BytesArray, RaggedArray, SparseArray
from .build_rows import check_shape
from .canonical import canonical_features, complete_feature, shape_text
from .columns import column_of
from .dtypes import dtype_name
from .features import (
    Feature,
    FixedLenFeature,
    FixedLenSequenceFeature,
    RaggedFeature,
    VarLenFeature,
)
from .groups import Groups, Key, raw_key, result_order
from .serialized import Strings, as_core_takes
from .spec import source_of

_INT32_MAX = 2**31 - 1

Element = dict[Key, Any]
# (values, value splits, row splits or rows), as _core.parse_sequence_examples() gives.
Part = tuple[Any, Any, Any]


class _Half:
    """The context or the lists. An element has its keys in TensorFlow's order."""

    def __init__(
        self, features: Mapping[Any, Any] | None, kinds: tuple[type[Feature], ...], prefix: str
    ) -> None:
        self.features = canonical_features(features or {}, kinds)
        self.groups = Groups(self.features)
        self._prefix = prefix
        self._order = result_order(self.features, self.groups)
        self._sparse = {raw_key(key) for key in self.groups.sparse}
        self._splits = {raw_key(key): splits for key, (_, splits) in self.groups.ragged.items()}
        self.columns: list[Any] = []

    def complete(self, dense: str) -> None:
        """Defaults, types and columns. `dense`: TensorFlow's name for the types of those."""
        groups = self.groups
        for key in groups.dense:
            self.features[key] = complete_feature(self.features[key], dense)
            shape = self.features[key].shape  # type: ignore[attr-defined]
            if None in shape:
                raise ValueError(f"Shape {shape_text(shape)} is not fully defined")
        for feature in self.features.values():
            if isinstance(feature, VarLenFeature):
                complete_feature(feature, self._prefix + "sparse_types")
        # Sorted: TensorFlow checks them in this order.
        names = {raw_key(key): name for key, name in groups.sparse.items()}
        names |= {raw_key(key): name for key, (name, _) in groups.ragged.items()}
        columns = {key: column_of(key, "ragged", name) for key, name in names.items()}
        columns |= {raw_key(key): self._dense_column(key) for key in groups.dense}
        self.columns = [columns[key] for key in sorted(columns)]
        self.schema = _core.Schema(self.columns)

    def _dense_column(self, key: Key) -> Any:
        feature: Any = self.features[key]
        name = dtype_name(feature.dtype)
        default, layout = feature.default_value, "fixed"
        if isinstance(feature, FixedLenSequenceFeature):
            layout = "sequence"
            if not feature.allow_missing:  # how the core knows
                default = None
        return column_of(raw_key(key), layout, name, feature.shape, default=default)

    def element(self, parts: list[Part], records: int | None) -> Element:
        """Of so many records; None: of a single example. Raises ShapeError for features that do not
        fit each other."""
        values = {
            column[0]: self._value(column, part, records)
            for column, part in zip(self.columns, parts, strict=True)
        }
        element: Element = {}
        for key, feature in self.features.items():  # so that TensorFlow's mistake is found
            source = source_of(key, feature)
            element[key] = values[source] if isinstance(source, bytes) else source(values)
        return {key: element[key] for key in self._order}

    def lengths(self, parts: list[Part], records: int | None) -> Element:
        """The rows of each dense list."""
        rows = {column[0]: part[2] for column, part in zip(self.columns, parts, strict=True)}
        return {
            key: rows[raw_key(key)] if records is not None else rows[raw_key(key)][0]
            for key in self.groups.dense
        }

    def _value(self, column: Any, part: Part, records: int | None) -> Any:
        key, _, layout, _, shape, *_ = column
        values, value_splits, rows = part
        if isinstance(values, tuple):
            data, offsets = values
            values = BytesArray._of(data, offsets, (len(offsets) - 1,))
        if layout != "ragged":
            longest = [int(rows.max(initial=0))] if layout == "sequence" else []
            if records is not None:
                return values.reshape((records, *longest, *shape))
            dense = values.reshape((*longest, *shape))
            return dense.tolist() if dense.ndim == 0 and dense.dtype is bytes else dense[()]
        lists = self._prefix == "feature_list_"
        if key in self._sparse:
            return _sparse(values, value_splits, rows if lists else None, records)
        splits = self._splits[key]
        if not lists:
            return values if records is None else RaggedArray._of(values, _as(splits, value_splits))
        inner = RaggedArray._of(values, _as(splits, value_splits))
        return inner if records is None else RaggedArray._of(inner, _as(splits, rows))


class SequenceSpec:
    """Raises TypeError and ValueError with TensorFlow's text in the first line. `single`: which of
    its two functions' texts."""

    def __init__(self, context: Any, lists: Any, *, single: bool = False) -> None:
        if not (context or lists):
            raise ValueError(
                "Both context_features and sequence_features are None, but at least one should "
                "have values."
                if single
                else "Both `context_features` and `sequence_features` argument are None, but at "
                "least one should have values."
            )
        given = (context, lists)
        self.context = _Half(context, (VarLenFeature, FixedLenFeature, RaggedFeature), "context_")
        self.lists = _Half(
            lists, (VarLenFeature, FixedLenSequenceFeature, RaggedFeature), "feature_list_"
        )
        for key, feature in self.lists.features.items():
            if getattr(feature, "default_value", None) is not None:
                raise ValueError(f"Value feature_list.dense_defaults[{key!s}] must be None")
        self._given = tuple(None if features is None else dict(features) for features in given)
        self.context.complete("Tcontext_dense")
        self.lists.complete("feature_list_dense_types")

    @property
    def schemas(self) -> tuple[_core.Schema, _core.Schema]:
        """Of the context and of the lists."""
        return self.context.schema, self.lists.schema

    @property
    def features(self) -> dict[tuple[str, Key], Feature]:
        """Canonical ones, by where they are and their key."""
        halves = {"context": self.context, "lists": self.lists}
        return {
            (name, key): feature
            for name, half in halves.items()
            for key, feature in half.features.items()
        }

    def parse(
        self, records: Strings, names: list[str], single: bool
    ) -> tuple[Element, Element, Element]:
        """Context, lists and the lengths of the dense lists: of a batch, or of a single example.
        Raises ParseError."""
        parts = _core.parse_sequence_examples(
            as_core_takes(records), self.context.schema, self.lists.schema, names
        )
        return self.element(parts, single)

    def element(
        self, parts: tuple[list[Part], list[Part], int], single: bool = False
    ) -> tuple[Element, Element, Element]:
        """The same from what the core has made of records."""
        context, lists, examples = parts
        count = None if single else examples
        halves = self.context.element(context, count), self.lists.element(lists, count)
        for half in halves:
            for column in half.values():
                check_shape(column)
        return (*halves, self.lists.lengths(lists, count))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SequenceSpec):
            return NotImplemented
        return self.features == other.features

    def __hash__(self) -> int:
        return hash(tuple(self.features.items()))

    def __reduce__(self) -> tuple[object, ...]:
        return SequenceSpec, self._given

    def __repr__(self) -> str:
        return f"{self.context.features}, {self.lists.features}"


def _as(splits: str, row_splits: Any) -> Any:
    if splits == "int64":
        return row_splits
    if row_splits[-1] > _INT32_MAX:
        raise OverflowError(
            f"a batch of {row_splits[-1]} values has row splits that do not fit int32: use "
            "RaggedFeature(..., row_splits_dtype=np.int64) or smaller batches"
        )
    return row_splits.astype(np.int32)


def _sparse(values: Any, value_splits: Any, row_splits: Any, records: int | None) -> SparseArray:
    """Places (example, row, position), those that there are. No row splits: (example, position)."""
    if row_splits is None:
        if records is None:
            return SparseArray._of_vector(values)
        return SparseArray._of_rows(values, value_splits)
    inner = SparseArray._of_rows(values, value_splits)  # (row of all, position)
    if records is None:
        return inner
    rows = np.diff(row_splits)
    examples = np.repeat(np.arange(records), rows)
    first_rows = np.repeat(row_splits[:-1], rows)
    row, position = inner.indices.T
    places = np.stack([examples[row], row - first_rows[row], position], axis=1)
    longest = np.diff(value_splits).max(initial=0)
    return SparseArray(places, values, [records, rows.max(initial=0), longest])
