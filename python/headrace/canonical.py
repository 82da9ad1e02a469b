"""The arguments of features: checked with TensorFlow's rules and texts, and made canonical."""

from __future__ import annotations

import dataclasses
import math
import operator
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
    VarLenFeature,
)

Key = str | bytes


def raw_key(key: Key) -> bytes:
    return key.encode() if isinstance(key, str) else key


def canonical_feature(key: Key, feature: Feature) -> Feature:
    dtype = getattr(feature, "dtype")  # noqa: B009 (each class has one, their base has not)
    if dtype is None:
        stop = "" if isinstance(feature, VarLenFeature) else "."
        raise ValueError(f"Missing type for feature {key!s}. Received feature={feature!r}{stop}")
    name = dtype_name(dtype)
    if isinstance(feature, VarLenFeature):
        _check_listed(name, LIST_TYPES, "sparse_types")
        return VarLenFeature(_canonical(name))
    if isinstance(feature, RaggedFeature):
        splits = _canonical(dtype_name(feature.row_splits_dtype))
        return dataclasses.replace(feature, dtype=_canonical(name), row_splits_dtype=splits)
    if isinstance(feature, FixedLenSequenceFeature):
        return _checked_sequence(key, feature, name)
    assert isinstance(feature, (FixedLenFeature, RawFeature))
    shape = _fixed_shape(key, feature)
    if isinstance(feature, RawFeature):
        if name == BYTES:
            raise ValueError(
                f"feature {key!s}: RawFeature decodes numbers: its dtype must be one of "
                f"{', '.join(RAW_TYPES)}; got {name}"
            )
        if not isinstance(feature.little_endian, bool):
            raise TypeError(f"`little_endian` must be a bool; got {feature.little_endian!r}")
    else:
        _check_listed(name, (*INT64_TYPES, *FLOAT_TYPES, BYTES), "Tdense")
    default = feature.default_value
    if default is not None:
        default = convert_default(default, name, math.prod(shape))
    return dataclasses.replace(
        feature, shape=shape, dtype=_canonical(name), default_value=_kept(default)
    )


def _checked_sequence(key: Key, feature: FixedLenSequenceFeature, name: str) -> Feature:
    if feature.shape is None:
        raise ValueError(f"Missing shape for feature {key!s}. Received feature={feature!r}.")
    shape = _dimensions(feature.shape)
    if not feature.allow_missing:
        raise ValueError("Unsupported: FixedLenSequenceFeature requires allow_missing to be True.")
    if None in shape:
        text = ",".join("?" if n is None else str(n) for n in (None, *shape))
        raise ValueError(f"dense_shapes[0] has unknown rank or unknown inner dimensions: [{text}]")
    if 0 in shape:
        raise ValueError(
            f"feature {key!s}: a FixedLenSequenceFeature needs blocks of at least one value, "
            f"got the shape {list(shape)}"
        )
    _check_listed(name, LIST_TYPES, "Tdense")
    default = feature.default_value
    if default is None:
        default = b"" if name == BYTES else 0
    default = convert_default(default, name, 1)
    return dataclasses.replace(
        feature, shape=shape, dtype=_canonical(name), default_value=_kept(default)
    )


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
    if isinstance(shape, (int, np.integer)):
        shape = [shape]
    if isinstance(shape, (str, bytes)):
        raise TypeError(
            f"Failed to convert '{shape!r}' to a shape: '{shape[:1]!r}'could not be converted to a "
            "dimension. A shape should either be single dimension (e.g. 10), or an iterable of "
            "dimensions (e.g. [1, 10, None])."
        )
    dimensions: list[int | None] = []
    for extent in shape:
        # tf.compat.v1.Dimension, which TensorShape may hold, keeps its extent in `value`.
        extent = getattr(extent, "value", extent)
        if extent is None:
            dimensions.append(None)
            continue
        try:
            number = operator.index(extent)
        except TypeError:
            raise TypeError(
                "Dimension value must be integer or None or have an __index__ method, got value "
                f"'{extent!r}' with type '{type(extent)!r}'"
            ) from None
        if number < 0:
            raise ValueError(f"Dimension {number} must be >= 0")
        dimensions.append(number)
    return tuple(dimensions)


def _fixed_shape(key: Key, feature: FixedLenFeature | RawFeature) -> tuple[int, ...]:
    if feature.shape is None:
        raise ValueError(f"Missing shape for feature {key!s}. Received feature={feature!r}.")
    shape = _dimensions(feature.shape)
    if shape and shape[0] is None:
        raise ValueError(
            f"First dimension of shape for feature {key!s} unknown. Consider using "
            f"FixedLenSequenceFeature. Received feature={feature!r}."
        )
    if None in shape:
        raise ValueError(
            f"All dimensions of shape for feature {key!s} need to be known but received "
            f"{feature.shape!s}."
        )
    return tuple(n for n in shape if n is not None)


def check_groups(features: dict[Key, Feature]) -> None:
    """One key of a record is read in one way only."""
    dense: list[Key] = []
    sparse: list[Key] = []
    ragged: dict[Key, RaggedFeature] = {}
    for key, feature in features.items():
        if isinstance(feature, VarLenFeature):
            sparse.append(key)
        elif isinstance(feature, RaggedFeature):
            source = key if feature.value_key is None else feature.value_key
            first = ragged.setdefault(source, feature)
            for what, field in (("type", "dtype"), ("partition type", "row_splits_dtype")):
                one, two = (dtype_name(getattr(f, field)) for f in (first, feature))
                if one != two:
                    raise ValueError(
                        f"Conflicting {what} {_tensorflow_repr(one)} vs {_tensorflow_repr(two)} "
                        f"for feature {source!s}."
                    )
        else:
            dense.append(key)
    _check_apart(("Dense", dense), ("sparse", sparse))
    _check_apart(("Dense", dense), ("ragged", list(ragged)))
    _check_apart(("Ragged", list(ragged)), ("sparse", sparse))


def _tensorflow_repr(name: str) -> str:
    return f"<dtype: '{'string' if name == BYTES else name}'>"


def _check_apart(one: tuple[str, list[Key]], two: tuple[str, list[Key]]) -> None:
    (name, keys), (other, others) = one, two
    both = {raw_key(key) for key in keys} & {raw_key(key) for key in others}
    if not both:
        return
    head = f"{name} and {other} keys must not intersect; {name.lower()}_keys: "
    tail = f"{keys}, {other}_keys: {others}, intersection: "
    tail += str({key for key in keys if raw_key(key) in both})
    if (name, other) == ("Dense", "ragged"):
        raise ValueError(head, tail)  # two arguments: so TensorFlow's text prints as a tuple
    raise ValueError(head + tail)
