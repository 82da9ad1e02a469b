"""Tensors of PyTorch and JAX, back as arrays."""

import numpy as np

import headrace as hr


def numpy_of(element):
    """An element of tensors as one of arrays."""
    if isinstance(element, hr.BytesTensor):
        return hr.BytesArray(np.asarray(element.data), np.asarray(element.offsets), element.shape)
    if isinstance(element, hr.RaggedTensor):
        return hr.RaggedArray(numpy_of(element.values), np.asarray(element.row_splits))
    if isinstance(element, hr.SparseTensor):
        places = np.asarray(element.indices), np.asarray(element.dense_shape)
        return hr.SparseArray(places[0], numpy_of(element.values), places[1])
    if isinstance(element, dict):
        return {key: numpy_of(value) for key, value in element.items()}
    if isinstance(element, tuple):
        return tuple(map(numpy_of, element))
    return np.asarray(element)[()] if hasattr(element, "__dlpack__") else element


def numpy_arguments(*element):
    return numpy_of(element if len(element) > 1 else element[0])
