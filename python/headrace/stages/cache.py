"""cache: the elements of a first pass, kept in memory."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..verbs import Cache
from .stage import Open, Stage, State, input_state, remember, told
from .structure import mapped


class CacheStage(Stage):
    """A pass that reaches the end leaves its elements in the dataset, for all that are derived from
    it. A state is where the pass that made them began, and a number: another process reads them
    again."""

    def __init__(self, verb: Cache, open_input: Open, state: State | None) -> None:
        self._store = verb.store
        self._done = 0 if state is None else int(state["done"])
        self._made: list[Any] = []
        self._from_store = verb.store.elements is not None
        if not self._from_store:
            self._input = open_input(input_state(state))
            self._start = remember(self._input)
            self._made.extend(next(self._input) for _ in range(self._done))

    def __next__(self) -> Any:
        if self._from_store:
            kept = self._store.elements or []
            if self._done == len(kept):
                raise StopIteration
            element = kept[self._done]
        else:
            try:
                element = next(self._input)
            except StopIteration:
                self._store.elements, self._store.start = self._made, self._start
                raise
            self._made.append(element)
        self._done += 1
        return mapped(lambda leaf: leaf.copy() if isinstance(leaf, np.ndarray) else leaf, element)

    def state(self) -> State:
        start = self._store.start if self._from_store else self._start
        return {"done": self._done, "input": told(start)}

    def stats(self) -> dict[str, Any]:
        return {} if self._from_store else self._input.stats()

    def close(self) -> None:
        if not self._from_store:
            self._input.close()
