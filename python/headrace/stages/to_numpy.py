"""The last stage of as_numpy_iterator(): strings as objects."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..arrays import BytesArray, RaggedArray, SparseArray
from .stage import Open, Stage, State, input_state


class ToNumpyStage(Stage):
    def __init__(self, open_input: Open, state: State | None) -> None:
        self._input = open_input(input_state(state))

    def __next__(self) -> Any:
        return _plain(next(self._input))


def _plain(element: Any) -> Any:
    """The element with an object array in place of each BytesArray."""
    if isinstance(element, dict):
        return {key: _plain(value) for key, value in element.items()}
    if isinstance(element, tuple):
        items = [_plain(item) for item in element]
        return type(element)(*items) if hasattr(element, "_fields") else tuple(items)
    if isinstance(element, BytesArray):
        return np.asarray(element)
    if isinstance(element, RaggedArray) and element.dtype is bytes:
        values = _plain(element.values)
        return RaggedArray._of(values, element.row_splits, element.uniform_row_length)
    if isinstance(element, SparseArray) and element.dtype is bytes:
        return SparseArray(element.indices, np.asarray(element.values), element.dense_shape)
    return element
