"""Sources that are no files."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..sources import Generator, Range, Slices, Tensors
from ..verbs import Verb
from .stage import Stage, State
from .structure import converted, mapped


class _CountingStage(Stage):
    """Elements by their number."""

    def __init__(self, verb: Any, state: State | None) -> None:
        self._verb = verb
        self._done = 0 if state is None else int(state["done"])

    def state(self) -> State:
        return {"done": self._done}

    def stats(self) -> dict[str, Any]:
        return {}

    def close(self) -> None:
        pass


class EmptyStage(_CountingStage):
    def __init__(self, verb: Verb, state: State | None) -> None:
        super().__init__(verb, state)

    def __next__(self) -> Any:
        raise StopIteration


class RangeStage(_CountingStage):
    _verb: Range

    def __next__(self) -> Any:
        if self._done >= self._verb.count():
            raise StopIteration
        self._done += 1
        return np.int64(self._verb.start + (self._done - 1) * self._verb.step)


class SlicesStage(_CountingStage):
    _verb: Slices

    def __next__(self) -> Any:
        row = self._done
        if row >= self._verb.rows:
            raise StopIteration
        self._done += 1
        return mapped(lambda array: _own(array[row]), self._verb.arrays)


class TensorsStage(_CountingStage):
    _verb: Tensors

    def __next__(self) -> Any:
        if self._done:
            raise StopIteration
        self._done = 1
        return mapped(_own, self._verb.element)


def _own(leaf: Any) -> Any:
    """The consumer may write to its arrays."""
    return leaf.copy() if isinstance(leaf, np.ndarray) else leaf


class GeneratorStage(_CountingStage):
    """A state is how many elements it has given; going on from there takes them again."""

    _verb: Generator

    def __init__(self, verb: Generator, state: State | None) -> None:
        super().__init__(verb, state)
        self._iterator: Iterator[Any] = iter(verb.function(*verb.arguments))
        for _ in range(self._done):
            next(self._iterator)

    def __next__(self) -> Any:
        element = next(self._iterator)
        self._done += 1
        return converted(element, self._verb.signature)
