"""Columns as tensors. PyTorch is imported when the first function is called that needs it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from . import _core
from .arrays import BytesArray, RaggedArray, SparseArray

if TYPE_CHECKING:
    from torch import Tensor


class BytesTensor(NamedTuple):
    """Byte strings: string i of the flattened array is ``data[offsets[i]:offsets[i + 1]]``."""

    data: Tensor  # uint8
    offsets: Tensor  # int64; begins with 0
    shape: tuple[int, ...]


class RaggedTensor(NamedTuple):
    """Rows of different lengths: row i is ``values[row_splits[i]:row_splits[i + 1]]``. What
    ``torch.nested.nested_tensor_from_jagged(values, row_splits)`` takes."""

    values: Tensor | BytesTensor | RaggedTensor
    row_splits: Tensor


class SparseTensor(NamedTuple):
    """Values and their places. What ``torch.sparse_coo_tensor(indices.T, values, shape)`` takes."""

    indices: Tensor  # int64 (values, rank)
    values: Tensor | BytesTensor
    dense_shape: Tensor  # int64 (rank,)


Leaf = Any  # an ndarray or a tensor


def import_torch() -> Any:
    try:
        import torch
    except ImportError as error:
        raise ImportError(
            "as_torch and prefetch_to_device need PyTorch: pip install 'headrace[torch]'"
        ) from error
    return torch


def converted(element: Any, tensor: Callable[[Leaf], Any], kind: type) -> Any:
    """The element with what `tensor` makes of its arrays, scalars and tensors of this `kind`, in
    this order; of columns that are several arrays, with a NamedTuple. Other objects stay as they
    are. Raises TypeError for an array of objects."""
    if isinstance(element, dict):
        return {key: converted(value, tensor, kind) for key, value in element.items()}
    if isinstance(element, tuple):
        items = [converted(item, tensor, kind) for item in element]
        return type(element)(*items) if hasattr(element, "_fields") else tuple(items)
    if isinstance(element, BytesArray):
        data, offsets = element._data, element._offsets
        first, last = int(offsets[0]), int(offsets[-1])
        from_zero = offsets - first if first else offsets
        return BytesTensor(tensor(data[first:last]), tensor(from_zero), element.shape)
    if isinstance(element, RaggedArray):
        return RaggedTensor(converted(element.values, tensor, kind), tensor(element.row_splits))
    if isinstance(element, SparseArray):
        if element.row_splits is not None:
            return RaggedTensor(converted(element.values, tensor, kind), tensor(element.row_splits))
        values = converted(element.values, tensor, kind)
        return SparseTensor(tensor(element.indices), values, tensor(element.dense_shape))
    if isinstance(element, (np.ndarray, np.generic)):
        array = np.asarray(element)
        if array.dtype.kind in "OSU":
            raise TypeError(
                "an array of objects cannot become a tensor; strings can, as they are in a "
                "BytesArray: without as_numpy_iterator() and np.asarray()"
            )
        return tensor(array)
    if isinstance(element, kind):
        return tensor(element)
    return element


def leaves_of(element: Any, kind: type) -> list[Leaf]:
    """What converted() converts."""
    leaves: list[Leaf] = []
    converted(element, leaves.append, kind)
    return leaves


def rebuilt(element: Any, kind: type, tensors: list[Any]) -> Any:
    """The element with these in place of its leaves."""
    following = iter(tensors)
    return converted(element, lambda _: next(following), kind)


def native(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """In the byte order of this machine."""
    return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))


def as_tensor(array: Leaf) -> Any:
    """Over the same memory; a copy only where PyTorch knows no such array: read-only ones, and
    those of negative strides or another byte order."""
    torch = import_torch()
    if not isinstance(array, np.ndarray):
        return array
    array = native(array)
    if not array.flags.writeable or any(stride < 0 for stride in array.strides):
        array = array.copy()
    if array.dtype.name == "bfloat16":
        return torch.from_numpy(array.view(np.int16)).view(torch.bfloat16)
    return torch.from_numpy(array)


def in_place(element: Any) -> Any:
    """The element with torch tensors, over the same memory where as_tensor() can."""
    return converted(element, as_tensor, import_torch().Tensor)


class _Span:
    """The memory that several arrays of one buffer take, from a cache line's begin on."""

    def __init__(self, arrays: list[npt.NDArray[Any]]) -> None:
        self.begin = min(array.ctypes.data for array in arrays) // 64 * 64
        size = max(array.ctypes.data + array.nbytes for array in arrays) - self.begin
        self._arrays = arrays  # they hold it
        self.__array_interface__ = {
            "data": (self.begin, False),
            "shape": (size,),
            "typestr": "|u1",
            "version": 3,
        }


def copied(arrays: list[Leaf], device: Any) -> tuple[list[Any], list[Any]]:
    """The arrays as tensors on the device, and the tensors that own the memory there: one copy, and
    one owner, for all arrays that lie in the same buffer. Copies from page-locked memory, and those
    from one device to another, run on the current stream when this returns."""
    torch = import_torch()
    tensors: list[Any] = [None] * len(arrays)
    owners: list[Any] = []
    groups: dict[int, list[int]] = {}
    for i, array in enumerate(arrays):
        if not isinstance(array, np.ndarray):
            tensors[i] = array.to(device, non_blocking=True)
            owners.append(tensors[i])
        elif array.nbytes == 0:
            tensors[i] = torch.empty(array.shape, dtype=_torch_dtype(array.dtype), device=device)
        else:
            address = _core.buffer_address(array) if array.flags.c_contiguous else None
            groups.setdefault(-i if address is None else address, []).append(i)
    for group in groups.values():
        if len(group) == 1:
            tensors[group[0]] = as_tensor(arrays[group[0]]).to(device, non_blocking=True)
            owners.append(tensors[group[0]])
            continue
        span = _Span([arrays[i] for i in group])
        whole = torch.from_numpy(np.asarray(span)).to(device, non_blocking=True)
        owners.append(whole)
        for i in group:
            begin = arrays[i].ctypes.data - span.begin
            part = whole[begin : begin + arrays[i].nbytes]
            tensors[i] = part.view(_torch_dtype(arrays[i].dtype)).view(arrays[i].shape)
    return tensors, owners


@functools.lru_cache(maxsize=64)
def _torch_dtype(dtype: np.dtype[Any]) -> Any:
    return as_tensor(np.empty(0, dtype)).dtype
