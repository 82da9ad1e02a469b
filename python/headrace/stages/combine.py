"""Several datasets as one."""

from __future__ import annotations

import bisect
import itertools
from typing import Any

from .. import _core
from ..sources import Choose, Sample, Zip
from .stage import Open, Stage, State
from .structure import mapped


class _SeveralStage(Stage):
    """One behind the other, or by turns; each is read on its own."""

    def __init__(self, opened: list[Open], state: State | None) -> None:
        states = [None] * len(opened) if state is None else state["inputs"]
        self._inputs = [open_input(s) for open_input, s in zip(opened, states, strict=True)]

    def state(self) -> State:
        return {"inputs": [stage.state() for stage in self._inputs]}

    def stats(self) -> dict[str, Any]:
        return {"inputs": [stage.stats() for stage in self._inputs]}

    def close(self) -> None:
        for stage in self._inputs:
            stage.close()


class ZipStage(_SeveralStage):
    """Ends with the first that ends."""

    def __init__(self, verb: Zip, opened: list[Open], state: State | None) -> None:
        super().__init__(opened, state)
        self._structure = verb.structure
        self._ended = False if state is None else bool(state["ended"])

    def __next__(self) -> Any:
        if self._ended:
            raise StopIteration
        try:
            elements = [next(stage) for stage in self._inputs]
        except StopIteration:
            self._ended = True
            raise
        return mapped(elements.__getitem__, self._structure)

    def state(self) -> State:
        return {"ended": self._ended, **super().state()}


class ConcatenateStage(Stage):
    """The other dataset is opened when its turn comes."""

    def __init__(self, open_input: Open, open_other: Open, state: State | None) -> None:
        self._open_other = open_other
        self._second = False if state is None else bool(state["second"])
        opened = open_other if self._second else open_input
        self._input = opened(None if state is None else state["input"])

    def __next__(self) -> Any:
        try:
            return next(self._input)
        except StopIteration:
            if self._second:
                raise
        self._input.close()
        self._second = True
        self._input = self._open_other(None)
        return next(self._input)

    def delivered(self, state: State) -> None:
        if state["second"] == self._second:  # else of an input that has been closed
            super().delivered(state)

    def state(self) -> State:
        return {"second": self._second, **super().state()}


class SampleStage(_SeveralStage):
    """Draw number t is output t of Philox4x32-10 with the key `seed` and the counter 0, over 2^32:
    a place on the weights of the datasets that have not ended, laid end to end."""

    def __init__(self, verb: Sample, opened: list[Open], state: State | None) -> None:
        super().__init__(opened, state)
        self._verb = verb
        self._draws = 0 if state is None else int(state["draws"])
        weights = verb.weights if state is None else state["weights"]
        self._weights = [float(weight) for weight in weights]  # 0 for those that have ended

    def __next__(self) -> Any:
        while True:
            ends = list(itertools.accumulate(self._weights))
            if ends[-1] == 0:
                raise StopIteration
            place = _core.philox(self._verb.seed, 0, self._draws) / 2**32 * ends[-1]
            chosen = bisect.bisect_right(ends, place)
            try:
                element = next(self._inputs[chosen])
            except StopIteration:
                ended = range(len(ends)) if self._verb.stop_on_empty else [chosen]
                for i in ended:
                    self._weights[i] = 0.0
            else:
                self._draws += 1
                return element
            self._draws += 1

    def state(self) -> State:
        return {"draws": self._draws, "weights": list(self._weights), **super().state()}


class ChooseStage(_SeveralStage):
    def __init__(self, verb: Choose, opened: list[Open], state: State | None) -> None:
        super().__init__(opened, state)
        self._stop_on_empty = verb.stop_on_empty
        self._ended = False if state is None else bool(state["ended"])

    def __next__(self) -> Any:
        while not self._ended:
            try:
                number = int(next(self._inputs[-1]))
            except StopIteration:
                break
            if not 0 <= number < len(self._inputs) - 1:
                raise ValueError(
                    f"Selector index out of range: {number} >= {len(self._inputs) - 1}"
                )
            for element in self._inputs[number]:
                return element
            if self._stop_on_empty:
                break
        self._ended = True
        raise StopIteration

    def state(self) -> State:
        return {"ended": self._ended, **super().state()}
