"""The arguments of features: checked with TensorFlow's rules and texts, and made canonical."""

from __future__ import annotations

import dataclasses
import math
import operator
from collections.abc import Iterable, Mapping
from numbers import Integral
from typing import Any

import numpy as np

from .defaults import convert_default
from .dtypes import (
    BYTES,
    FLOAT_TYPES,
    INT64_TYPES,
    LIST_TYPES,
    RAW_TYPES,
    dtype_name,
    numpy_dtype,
    tensorflow_name,
)
from .features import (
    Feature,
    FixedLenFeature,
    FixedLenSequenceFeature,
    RaggedFeature,
    RawFeature,
    SparseFeature,
    VarLenFeature,
    as_feature,
    tensorflow_text,
)
from .groups import Key, raw_key


def canonical_features(
    features: Mapping[Any, Any], kinds: tuple[type[Feature], ...]
) -> dict[Any, Feature]:
    """The features by sorted keys, their shapes and dtypes in canonical form, of these kinds only.
    What complete_feature() does is left."""
    return {key: _canonical_feature(key, features[key], kinds) for key in _sorted(features)}


def check_blocks(features: Mapping[Any, Any]) -> None:
    """What TensorFlow looks at first in the sequences of Examples."""
    for feature in map(as_feature, features.values()):
        if isinstance(feature, FixedLenSequenceFeature):
            if not feature.allow_missing:
                raise ValueError(
                    "Unsupported: FixedLenSequenceFeature requires allow_missing to be True."
                )
            list(feature.shape)  # a TypeError for an int, which is a shape anywhere else


def complete_feature(feature: Any, attribute: str, *, narrow: bool = False) -> Feature:
    """A canonical feature with its default; `attribute` is TensorFlow's name for its type.
    `narrow`: fixed numbers may be of narrower types than those that Examples hold."""
    name = dtype_name(feature.dtype)
    if isinstance(feature, (VarLenFeature, SparseFeature, RaggedFeature)):
        _check_listed(name, LIST_TYPES, attribute)
        return feature
    default = feature.default_value
    if isinstance(feature, FixedLenSequenceFeature):
        if default is None:
            default = b"" if name == BYTES else 0
            if name == "bool":
                raise TypeError("Cannot convert 0 to EagerTensor of dtype bool")
        default = convert_default(default, name, 1)
        _check_listed(name, LIST_TYPES, attribute)
    else:
        if default is not None:
            default = convert_default(default, name, math.prod(feature.shape))
        if isinstance(feature, FixedLenFeature):
            narrower = (*INT64_TYPES, *FLOAT_TYPES, BYTES)
            _check_listed(name, narrower if narrow else LIST_TYPES, attribute)
    completed: Feature = dataclasses.replace(feature, default_value=_kept(default))
    return completed


def _sorted(features: Mapping[Any, Any]) -> list[Any]:
    for key in features:
        if not isinstance(key, (str, bytes)):
            raise TypeError(f"Cannot convert {[key]!r} to EagerTensor of dtype string")
    return sorted(features, key=raw_key)


def _canonical_feature(key: Key, given: Any, kinds: tuple[type[Feature], ...]) -> Feature:
    feature = as_feature(given)
    if not isinstance(feature, kinds):
        name = type(given).__name__
        raise ValueError(f"Unsupported {name} {tensorflow_text(given)} for key '{key!s}'")
    if isinstance(feature, SparseFeature):
        _check_sparse(feature)
    dtype = getattr(feature, "dtype")  # noqa: B009 (each class has one, their base has not)
    if dtype is None or (isinstance(dtype, str) and not dtype):
        stop = "" if isinstance(feature, VarLenFeature) else "."
        if isinstance(feature, FixedLenSequenceFeature) and SparseFeature in kinds:
            # In Examples they have their unknown dimension by now.
            feature = dataclasses.replace(feature, shape=[None, *feature.shape])
        text = tensorflow_text(feature)
        raise ValueError(f"Missing type for feature {key!s}. Received feature={text}{stop}")
    name = dtype_name(dtype)
    changes: dict[str, Any] = {"dtype": _canonical(name)}
    if isinstance(feature, RaggedFeature):
        changes["row_splits_dtype"] = _canonical(dtype_name(feature.row_splits_dtype))
    if isinstance(feature, (FixedLenFeature, RawFeature)):
        changes["shape"] = _fixed_shape(key, feature)
    if isinstance(feature, FixedLenSequenceFeature):
        if feature.shape is None:
            text = tensorflow_text(feature)
            raise ValueError(f"Missing shape for feature {key!s}. Received feature={text}.")
        changes["shape"] = _dimensions(feature.shape)
    if isinstance(feature, RawFeature):
        if name == BYTES:
            raise ValueError(
                f"feature {key!s}: RawFeature decodes numbers: its dtype must be one of "
                f"{', '.join(RAW_TYPES)}; got {name}"
            )
        if not isinstance(feature.little_endian, bool):
            raise TypeError(f"`little_endian` must be a bool; got {feature.little_endian!r}")
    return dataclasses.replace(feature, **changes)  # type: ignore[type-var]


def _check_sparse(feature: SparseFeature) -> None:
    text = tensorflow_text(feature)
    if not feature.index_key:
        raise ValueError(f"Missing index_key for SparseFeature {text}.")
    if not feature.value_key:
        raise ValueError(f"Missing value_key for SparseFeature {text}.")


def check_size(feature: SparseFeature) -> None:
    """The extents: an int for one index key, else a list of as many."""
    keys, size = feature.index_key, feature.size
    if isinstance(keys, str):
        if not isinstance(size, Integral):
            raise TypeError(f"vocab_size has to be a Tensor or Python int. Found {type(size)}")
        sizes = [size]
    else:
        one = "vocab_size has to be a list of Tensors or Python ints. Found "
        if not isinstance(size, Iterable):
            raise TypeError(one + str(type(size)))
        sizes = list(size)
        for extent in sizes:
            if not isinstance(extent, Integral):
                raise TypeError(one + str(type(extent)))
        if len(sizes) != len(keys):
            raise ValueError("sp_ids and vocab_size have to have equal lengths.")
    if any(not -(2**63) <= extent < 2**63 for extent in map(int, sizes)):
        raise ValueError("Can't convert Python sequence with out-of-range integer to Tensor.")


def check_block_shapes(shapes: list[tuple[int | None, ...]]) -> None:
    """Of the dense features of Examples, each with its first, unknown dimension."""
    for number, shape in enumerate(shapes):
        if None in shape[1:]:
            raise ValueError(
                f"dense_shapes[{number}] has unknown rank or unknown inner dimensions: "
                f"{shape_text(shape)}"
            )
        if shape[:1] == (None,) and 0 in shape:
            raise ValueError(
                "a FixedLenSequenceFeature needs blocks of at least one value, got the shape "
                f"{list(shape[1:])}"
            )


def shape_text(shape: tuple[int | None, ...]) -> str:
    """As TensorFlow's kernels print it."""
    return "[" + ",".join("?" if n is None else str(n) for n in shape) + "]"


def _canonical(name: str) -> Any:
    return bytes if name == BYTES else numpy_dtype(name)


def _kept(default: Any) -> Any:
    """A default that nobody can change behind our back."""
    if isinstance(default, np.ndarray):
        default.flags.writeable = False
    return default


def _check_listed(name: str, allowed: tuple[str, ...], attribute: str) -> None:
    if name not in allowed:
        narrower = "" if len(allowed) == 3 else f"\nHere also: {', '.join(allowed)}."
        raise ValueError(
            f"Value for attr '{attribute}' of {tensorflow_name(name)} is not in the list of "
            f"allowed values: float, int64, string{narrower}"
        )


def _dimensions(shape: Any) -> tuple[int | None, ...]:
    """A shape as TensorFlow reads it: an int is one dimension, None an unknown one."""
    if isinstance(shape, (list, tuple)):
        return tuple(map(_dimension, shape))
    try:
        extents = list(shape)
    except TypeError:
        return (_dimension(shape),)
    dimensions: list[int | None] = []
    try:
        dimensions.extend(map(_dimension, extents))
    except TypeError:
        bad = extents[len(dimensions)]
        raise TypeError(
            f"Failed to convert '{shape!r}' to a shape: '{bad!r}'could not be converted to a "
            "dimension. A shape should either be single dimension (e.g. 10), or an iterable of "
            "dimensions (e.g. [1, 10, None])."
        ) from None
    return tuple(dimensions)


def _dimension(extent: Any) -> int | None:
    # tf.compat.v1.Dimension, which TensorShape may hold, keeps its extent in `value`.
    extent = getattr(extent, "value", extent)
    if extent is None:
        return None
    if isinstance(extent, bool):
        raise TypeError(
            "Field tensorflow.TensorShapeProto.Dim.size: Expected an int, got a boolean."
        )
    try:
        number = operator.index(extent)
    except TypeError:
        raise TypeError(
            "Dimension value must be integer or None or have an __index__ method, got value "
            f"'{extent!r}' with type '{type(extent)!r}'"
        ) from None
    if number < 0:
        raise ValueError(f"Dimension {number} must be >= 0")
    return number


def _fixed_shape(key: Key, feature: FixedLenFeature | RawFeature) -> tuple[int, ...]:
    if feature.shape is None:
        raise ValueError(
            f"Missing shape for feature {key!s}. Received feature={tensorflow_text(feature)}."
        )
    shape: tuple[int | None, ...] = (1, None)  # of unknown rank
    if getattr(feature.shape, "rank", 0) is not None:
        shape = _dimensions(feature.shape)
    if shape and shape[0] is None:
        raise ValueError(
            f"First dimension of shape for feature {key!s} unknown. Consider using "
            f"FixedLenSequenceFeature. Received feature={tensorflow_text(feature)}."
        )
    if None in shape:
        raise ValueError(
            f"All dimensions of shape for feature {key!s} need to be known but received "
            f"{feature.shape!s}."
        )
    return tuple(n for n in shape if n is not None)
