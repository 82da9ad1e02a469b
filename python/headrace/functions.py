"""Functions on serialized Examples and SequenceExamples, with the meaning of `tf.io`'s.

`serialized` is a sequence of bytes-likes, a BytesArray or an array of bytes; a bytes-like alone is
a single example. Every error in the data is a ParseError, its first line TensorFlow's text and its
`record` the number of the example; arguments are ValueError and TypeError. `name` is accepted and
changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .sequence_spec import SequenceSpec
from .serialized import Shape, names_of, shape_text, strings_of
from .spec import Spec

__all__ = [
    "parse_example",
    "parse_sequence_example",
    "parse_single_example",
    "parse_single_sequence_example",
]

Element = dict[Any, Any]


def parse_example(
    serialized: Any, features: Mapping[Any, Any], example_names: Any = None, name: str | None = None
) -> Element:
    """The features of serialized Examples: of a batch as columns, of a scalar as
    `parse_single_example` gives them.

    The dict has TensorFlow's order: VarLenFeatures, then fixed ones, then RaggedFeatures, each
    sorted; then what is made of several features. `example_names` appear in messages.

    >>> record = hr.encode_example({"a": [1, 2]})
    >>> hr.parse_example([record, record], {"a": hr.FixedLenFeature([2], np.int64)})
    {'a': array([[1, 2],
           [1, 2]])}
    """
    spec = Spec(features)
    records, shape = strings_of(serialized)
    _check_rank(shape)
    names, names_shape = names_of(example_names)
    if names and names_shape != shape:
        raise ValueError(
            "Expected names have the same shape as serialized: "
            f"name.shape={shape_text(names_shape)}, serialized.shape={shape_text(shape)}"
        )
    single = shape == ()
    element = spec.parse(records, [] if single else names, single)
    return {key: element[key] for key in spec.result_order}


def parse_single_example(
    serialized: Any, features: Mapping[Any, Any], example_names: Any = None, name: str | None = None
) -> Element:
    """The features of one serialized Example, without the dimension of a batch.

    >>> record = hr.encode_example({"a": [1, 2]})
    >>> hr.parse_single_example(record, {"a": hr.FixedLenFeature([2], np.int64)})
    {'a': array([1, 2])}
    """
    if not features:
        what = "None" if features is None else "empty"
        raise ValueError(f"Invalid argument: features cannot be {what}.")
    records, shape = strings_of(serialized)
    _check_scalar(shape)
    return parse_example(records[0], features, example_names)


def parse_sequence_example(
    serialized: Any,
    context_features: Mapping[Any, Any] | None = None,
    sequence_features: Mapping[Any, Any] | None = None,
    example_names: Any = None,
    name: str | None = None,
) -> tuple[Element, Element, Element]:
    """The features of serialized SequenceExamples: (context, sequences, lengths).

    `context_features` may be FixedLen, VarLen and Ragged ones, `sequence_features`
    FixedLenSequence, VarLen and Ragged ones, which gain a dimension: that of the rows of the list.
    `lengths` are the rows of each FixedLenSequenceFeature: int64 (B,).
    """
    spec = SequenceSpec(context_features, sequence_features)
    return _parse_sequences(spec, serialized, example_names)


def parse_single_sequence_example(
    serialized: Any,
    context_features: Mapping[Any, Any] | None = None,
    sequence_features: Mapping[Any, Any] | None = None,
    example_name: Any = None,
    name: str | None = None,
) -> tuple[Element, Element]:
    """The features of one serialized SequenceExample, without the dimension of a batch: (context,
    sequences)."""
    spec = SequenceSpec(context_features, sequence_features, single=True)
    records, shape = strings_of(serialized)
    _check_scalar(shape)
    return _parse_sequences(spec, records[0], example_name)[:2]


def _parse_sequences(
    spec: SequenceSpec, serialized: Any, example_names: Any
) -> tuple[Element, Element, Element]:
    records, shape = strings_of(serialized)
    _check_rank(shape)
    names, _ = names_of(example_names)
    if len(names) not in (0, len(records)):
        raise ValueError("example_names must be empty or have the correct number of elements")
    return spec.parse(records, names, shape == ())


def _check_rank(shape: Shape) -> None:
    if len(shape) > 1:
        raise ValueError(
            f"Expected serialized to be a scalar or vector, got shape: {shape_text(shape)}"
        )


def _check_scalar(shape: Shape) -> None:
    if shape:
        raise ValueError("Input serialized must be a scalar")
