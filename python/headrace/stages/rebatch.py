"""unbatch and rebatch: batches taken apart, and put together in other sizes."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from ..arrays import SparseArray
from ..verbs import Rebatch, Unbatch
from .stack import concatenate
from .stage import Inexact, Open, Stage, State, remember, told
from .structure import leaves, mapped, packed


class _RowsStage(Stage):
    """Rows of the input's batches. The position is that before a batch and a number of rows."""

    def __init__(self, verb: Unbatch | Rebatch, open_input: Open, state: State | None) -> None:
        self._input = open_input(None if state is None else state["input"])
        self._before: State | Inexact = remember(self._input)
        self._batch: Any = None
        self._row = self._rows = 0
        if state is not None and state["row"]:
            self._take_batch()
            self._row = int(state["row"])

    def _take_batch(self) -> None:
        before = remember(self._input)
        batch = next(self._input)
        counts = {len(leaf) if getattr(leaf, "ndim", 0) else -1 for leaf in leaves(batch)}
        if counts == {-1} or -1 in counts:
            raise ValueError("Cannot unbatch an input with scalar components.")
        if len(counts) > 1:
            raise ValueError(f"the parts of a batch have different numbers of rows: {counts}")
        self._before, self._batch, self._row, self._rows = before, batch, 0, counts.pop()

    def _rows_left(self) -> int:
        """Of a batch; takes the next one if there is none."""
        while self._row == self._rows:
            self._take_batch()
        return self._rows - self._row

    def state(self) -> State:
        if self._row == self._rows:
            return {"input": self._input.state(), "row": 0}
        return {"input": told(self._before), "row": self._row}


class UnbatchStage(_RowsStage):
    def __next__(self) -> Any:
        self._rows_left()
        row = self._row
        self._row += 1
        return mapped(lambda leaf: _own(leaf[row]), self._batch)


class RebatchStage(_RowsStage):
    def __init__(self, verb: Rebatch, open_input: Open, state: State | None) -> None:
        super().__init__(verb, open_input, state)
        self._sizes, self._drop_remainder = verb.sizes, verb.drop_remainder
        self._number = 0 if state is None else int(state["number"])

    def __next__(self) -> Any:
        missing = self._sizes[self._number % len(self._sizes)]
        parts: list[Any] = []
        while missing:
            try:
                count = min(missing, self._rows_left())
            except StopIteration:
                break
            rows = slice(self._row, self._row + count)
            parts.append(mapped(functools.partial(_slice, rows), self._batch))
            self._row += count
            missing -= count
        if not parts or (missing and self._drop_remainder):
            raise StopIteration
        self._number += 1
        columns = zip(*map(leaves, parts), strict=True)
        return packed(parts[0], (concatenate(list(column)) for column in columns))

    def state(self) -> State:
        return {"number": self._number, **super().state()}


def _own(leaf: Any) -> Any:
    return leaf.copy() if isinstance(leaf, np.ndarray) else leaf


def _slice(rows: slice, leaf: Any) -> Any:
    if isinstance(leaf, SparseArray):
        raise TypeError("rebatch of SparseArrays is not supported: use RaggedFeature")
    return leaf[rows]
