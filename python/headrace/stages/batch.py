"""batch behind a Python stage: elements are stacked as tf.data does."""

from __future__ import annotations

import itertools
from typing import Any

from ..verbs import Batch, PaddedBatch, RaggedBatch
from .stack import stack
from .stage import Open, Stage, State, input_state, remember, told


class BatchStage(Stage):
    """An error of the input drops what this batch had so far, as in TensorFlow; an interrupt does
    not."""

    def __init__(
        self, verb: Batch | PaddedBatch | RaggedBatch, open_input: Open, state: State | None
    ) -> None:
        self._input = open_input(input_state(state))
        self._size, self._drop_remainder = verb.size, verb.drop_remainder
        self._elements: list[Any] = []
        self._position = remember(self._input)

    def _joined(self, elements: list[Any]) -> Any:
        return stack(elements, fused=self._input.is_map)

    def __next__(self) -> Any:
        try:
            missing = self._size - len(self._elements)
            self._elements.extend(itertools.islice(self._input, missing))
            if len(self._elements) < (self._size if self._drop_remainder else 1):
                raise StopIteration
            batch = self._joined(self._elements)
        except Exception:
            self._elements.clear()
            self._position = remember(self._input)
            raise
        self._elements.clear()
        self._position = remember(self._input)
        return batch

    def state(self) -> State:
        return {"input": told(self._position)}
