"""filter and take_while."""

from __future__ import annotations

from typing import Any

from ..verbs import Filter, TakeWhile
from .stage import Open, Stage, State, input_state
from .structure import call


class FilterStage(Stage):
    def __init__(self, verb: Filter, open_input: Open, state: State | None) -> None:
        self._input = open_input(input_state(state))
        self._predicate = verb.function

    def __next__(self) -> Any:
        while True:
            element = next(self._input)
            if call(self._predicate, element):
                return element


class TakeWhileStage(Stage):
    def __init__(self, verb: TakeWhile, open_input: Open, state: State | None) -> None:
        self._input = open_input(input_state(state))
        self._predicate = verb.function
        self._ended = False if state is None else bool(state["ended"])

    def __next__(self) -> Any:
        if not self._ended:
            element = next(self._input)
            if call(self._predicate, element):
                return element
            self._ended = True
        raise StopIteration

    def state(self) -> State:
        return {"ended": self._ended, **super().state()}
