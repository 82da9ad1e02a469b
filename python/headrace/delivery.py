"""Verbs that say in what, and where, elements are handed out."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

from .chain import Chained
from .jax_arrays import device_name
from .options import AUTOTUNE
from .tensors import import_torch
from .verbs import AsJax, AsTorch, PrefetchToDevice

if TYPE_CHECKING:
    from .dataset import Dataset

_AHEAD = 2  # batches on the device


class Delivery(Chained):
    __slots__ = ()

    def as_torch(self, device: Any = None) -> Dataset:
        """Elements with torch tensors instead of arrays.

        A BytesArray becomes an ``hr.BytesTensor``, a RaggedArray an ``hr.RaggedTensor``, and so
        does a SparseArray whose values are in rows without gaps (of a VarLenFeature); others an
        ``hr.SparseTensor``. Single ``bytes``, and what is no array, stay as they are.

        Without a `device` the tensors are over the arrays' memory. With one, each element is copied
        to it in the order of the stream that is current in ``next()``. Behind it come ``map``,
        ``filter`` and verbs of order; what combines elements belongs before it. Raises ImportError
        without PyTorch, RuntimeError for a device that it does not know.
        """
        import_torch()
        return self._then(AsTorch(None if device is None else _device(device)))

    def as_jax(self, device: Any = None) -> Dataset:
        """Elements as JAX arrays, on JAX's default device or on `device`: a ``jax.Device``, or its
        name like ``"cpu"`` or ``"gpu:1"``.

        Columns that are several arrays become what ``as_torch`` makes of them, an
        ``hr.BytesTensor``, ``hr.RaggedTensor`` or ``hr.SparseTensor``, which are pytrees. JAX has
        numbers of 64 bits only under ``jax_enable_x64``: without it they become 32-bit ones, and an
        integer that does not fit raises OverflowError, for JAX would give other bits of it. Behind
        it come ``map``, ``filter`` and verbs of order. Raises ImportError without JAX, ValueError
        for what names no device; one that is not there is a RuntimeError in ``iter()``.
        """
        return self._then(AsJax(device_name(device)))

    def prefetch_to_device(self, device: Any, buffer_size: int | None = None) -> Dataset:
        """Elements as torch tensors, as by ``as_torch(device)``, copied ahead.

        On a GPU, `buffer_size` elements (None or AUTOTUNE: 2) beside the one in use: their copies
        run on a stream of their own, and the stream that is current in ``next()`` waits for that
        element's. The columns of a batch that share a buffer are one copy, and are one tensor's
        parts. Means ``Options(pin_memory=True)``. What is read ahead is in no ``state_dict()``.
        Raises ImportError without PyTorch, ValueError for a `buffer_size` below 1.
        """
        size = _AHEAD if buffer_size in (None, AUTOTUNE) else operator.index(buffer_size)
        if size < 1:
            raise ValueError(f"buffer_size must be at least 1, or None or AUTOTUNE; got {size}")
        return self._then(PrefetchToDevice(_device(device), size))


def _device(device: Any) -> str:
    """As PyTorch names it."""
    return str(import_torch().device(device))
