"""element_spec: what the elements of a dataset look like."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from .arrays import BytesArray, RaggedArray, SparseArray
from .features import FixedLenFeature, FixedLenSequenceFeature, RaggedFeature, RawFeature
from .node import placed_steps
from .sources import Choose, Generator, Range, Sample, Slices, Source, Tensors, Zip, detached
from .stages import open_chain
from .stages.structure import leaves, mapped, packed, spread
from .verbs import (
    FUNCTIONS,
    AsTuple,
    Batch,
    Chain,
    Enumerate,
    Filter,
    PaddedBatch,
    Parse,
    ParseSequences,
    RaggedBatch,
    Rebatch,
    TakeWhile,
    Unbatch,
    Verb,
)

Shape = tuple["int | None", ...]


@dataclasses.dataclass(frozen=True)
class TensorSpec:
    """A NumPy array or scalar; of ``bytes`` a BytesArray or ``bytes``. None: any extent."""

    shape: Shape
    dtype: Any


@dataclasses.dataclass(frozen=True)
class RaggedTensorSpec:
    """A RaggedArray."""

    shape: Shape
    dtype: Any
    ragged_rank: int = 1
    row_splits_dtype: Any = np.int64


@dataclasses.dataclass(frozen=True)
class SparseTensorSpec:
    """A SparseArray."""

    shape: Shape
    dtype: Any


class _OnlyKnownByReading(Exception):
    pass


def element_spec(chain: Chain) -> Any:
    """In the structure of an element. Reads one where a Python function decides."""
    return _spec_of(chain, reads=True)


def fixed_leaves(chain: Chain) -> tuple[bool, ...] | None:
    """Which leaves have a shape that is known without reading; None if nothing is."""
    try:
        specs = leaves(_spec_of(chain, reads=False))
    except _OnlyKnownByReading:
        return None
    return tuple(isinstance(spec, TensorSpec) and None not in spec.shape for spec in specs)


def _spec_of(chain: Chain, reads: bool) -> Any:
    steps = placed_steps(chain)
    deciding = [i for i, step in enumerate(steps) if _decides(step.verb)]
    if deciding or isinstance(chain[0], Generator):
        if not reads:
            raise _OnlyKnownByReading
        function = steps[deciding[-1]].verb if deciding else chain[0]
        cut = chain.index(function) + 1
        spec = _of_first(chain[:cut])
        steps = placed_steps(chain[cut - 1 :])
    else:
        spec = _of_source(chain[0], reads)
    for step in steps:
        spec = _behind(step.verb, spec)
    return spec


def _decides(verb: Verb) -> bool:
    """Whether only reading tells what elements it gives."""
    return isinstance(verb, (*FUNCTIONS, ParseSequences)) and not isinstance(
        verb, (Filter, TakeWhile)
    )


def _of_first(chain: Chain) -> Any:
    stage = open_chain(detached(chain))(None)
    try:
        return mapped(_of_value, next(stage))
    except StopIteration:
        raise ValueError("element_spec: there is no element to look at") from None
    finally:
        stage.close()


def _of_value(value: Any) -> Any:
    if isinstance(value, (bytes, str)):
        return TensorSpec((), bytes)
    if isinstance(value, BytesArray):
        return TensorSpec(value.shape, bytes)
    if isinstance(value, RaggedArray):
        splits = value.row_splits.dtype
        return RaggedTensorSpec(value.shape, value.dtype, value.ragged_rank, splits)
    if isinstance(value, SparseArray):
        return SparseTensorSpec(value.shape, value.dtype)
    array = np.asarray(value)
    return TensorSpec(array.shape, array.dtype)


def _of_source(source: Verb, reads: bool) -> Any:
    match source:
        case Source():
            return TensorSpec((), bytes)
        case Range():
            return TensorSpec((), np.dtype(np.int64))
        case Tensors():
            return mapped(_of_value, source.element)
        case Slices():
            return mapped(lambda array: _row_of(_of_value(array)), source.arrays)
        case Zip():
            specs = [_spec_of(chain, reads) for chain in source.chains]
            return mapped(specs.__getitem__, source.structure)
        case Sample() | Choose():
            return _spec_of(source.chains[0], reads)
    raise _OnlyKnownByReading


def _behind(verb: Verb, spec: Any) -> Any:
    match verb:
        case Parse():
            return {
                key: _of_feature(feature, spec.shape) for key, feature in verb.spec.features.items()
            }
        case AsTuple():
            return tuple(spec[name] for name in verb.names)
        case Enumerate():
            return TensorSpec((), np.dtype(np.int64)), spec
        case Batch():
            return mapped(lambda leaf: _stacked(leaf, _rows(verb)), spec)
        case PaddedBatch():
            shapes = spread(verb.shapes, spec)
            filled = [
                _padded(*pair, _rows(verb)) for pair in zip(leaves(spec), shapes, strict=True)
            ]
            return packed(spec, iter(filled))
        case RaggedBatch():
            return mapped(lambda leaf: _ragged(leaf, verb), spec)
        case Unbatch():
            return mapped(_row_of, spec)
        case Rebatch():
            size = verb.sizes[0] if verb.drop_remainder and len(set(verb.sizes)) == 1 else None
            return mapped(lambda leaf: _stacked(_row_of(leaf), size), spec)
    return spec


def _rows(verb: Batch | PaddedBatch | RaggedBatch) -> int | None:
    return verb.size if verb.drop_remainder else None


def _of_feature(feature: Any, rows: Shape) -> Any:
    """`rows`: (), or the extent of a batch."""
    dtype = bytes if feature.dtype in (bytes, "string") else np.dtype(feature.dtype)
    if isinstance(feature, (FixedLenFeature, RawFeature)):
        return TensorSpec((*rows, *feature.shape), dtype)
    if isinstance(feature, FixedLenSequenceFeature):
        return TensorSpec((*rows, None, *feature.shape), dtype)
    if isinstance(feature, RaggedFeature):
        if not rows:
            return TensorSpec((None,), dtype)
        return RaggedTensorSpec((*rows, None), dtype, 1, np.dtype(feature.row_splits_dtype))
    return SparseTensorSpec((*rows, None), dtype)


def _stacked(leaf: Any, rows: int | None) -> Any:
    shape = (rows, *leaf.shape)
    if isinstance(leaf, RaggedTensorSpec):
        return dataclasses.replace(leaf, shape=shape, ragged_rank=leaf.ragged_rank + 1)
    return dataclasses.replace(leaf, shape=shape)


def _row_of(leaf: Any) -> Any:
    shape = leaf.shape[1:]
    if not isinstance(leaf, RaggedTensorSpec):
        return dataclasses.replace(leaf, shape=shape)
    if leaf.ragged_rank == 1:
        return TensorSpec(shape, leaf.dtype)
    return dataclasses.replace(leaf, shape=shape, ragged_rank=leaf.ragged_rank - 1)


def _padded(leaf: Any, shape: Any, rows: int | None) -> Any:
    if shape is None:
        return _stacked(leaf, rows)
    extents = tuple(None if n in (None, -1) else int(n) for n in shape)
    return TensorSpec((rows, *extents), leaf.dtype)


def _ragged(leaf: Any, verb: RaggedBatch) -> Any:
    if not isinstance(leaf, TensorSpec) or None not in leaf.shape:
        return _stacked(leaf, _rows(verb))
    splits = np.dtype(verb.row_splits_dtype)
    return RaggedTensorSpec((_rows(verb), *leaf.shape), leaf.dtype, 1, splits)
