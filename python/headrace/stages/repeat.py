"""repeat over batches, or behind a Python stage."""

from __future__ import annotations

from typing import Any

from ..passes import Passes
from ..verbs import Repeat
from .stage import Open, Stage, State


class RepeatStage(Stage):
    """Opens its input anew for each pass. A pass without elements is the last one."""

    def __init__(
        self, verb: Repeat, in_vain: list[Passes], open_input: Open, state: State | None
    ) -> None:
        """`in_vain`: of the shuffles that TensorFlow begins once more than it reads them."""
        self._in_vain = in_vain
        self._open = open_input
        self._count = verb.count
        self._passes = 0 if state is None else int(state["passes"])
        self._delivered = False if state is None else bool(state["delivered"])
        self._input = open_input(None if state is None else state["input"])

    def __next__(self) -> Any:
        while self._passes != self._count:
            for element in self._input:
                self._delivered = True
                return element
            self._passes = self._passes + 1 if self._delivered else self._count
            if self._passes == self._count:
                for passes in self._in_vain:
                    passes.take()
                break
            self._delivered = False
            self._input.close()
            self._input = self._open(None)
        raise StopIteration

    def delivered(self, state: State) -> None:
        if state["passes"] == self._passes:  # else of an input that has been closed
            super().delivered(state)

    def state(self) -> State:
        return {"passes": self._passes, "delivered": self._delivered, **super().state()}
