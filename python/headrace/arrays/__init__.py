"""Columns that a plain ndarray cannot hold.

They stand on NumPy arrays and never copy what they are given. All three compare with ``==`` as a
whole: one ``bool``, true if class, shape, dtype and every value are the same (NaN is not equal to
itself; ``equals(other, equal_nan=True)`` says otherwise). They cannot be hashed.
"""

from .bytes_array import BytesArray
from .ragged_array import RaggedArray
from .sparse_array import SparseArray

__all__ = ["BytesArray", "RaggedArray", "SparseArray"]
