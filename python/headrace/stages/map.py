"""map: a Python function over elements."""

from __future__ import annotations

from typing import Any

from ..verbs import AsTuple, Map
from .stage import Open, Stage, State, input_state


class MapStage(Stage):
    """Tuples are unpacked into arguments, as in TensorFlow; named tuples are not. An exception of
    the function comes out of next(); the element is then used up."""

    is_map = True

    def __init__(self, verb: Map, open_input: Open, state: State | None) -> None:
        self._input = open_input(input_state(state))
        self._function = verb.function

    def __next__(self) -> Any:
        element = next(self._input)
        try:
            if type(element) is tuple:
                return self._function(*element)
            return self._function(element)
        except StopIteration as error:
            # It would end the loop as if there were no more elements.
            raise RuntimeError("the function of map() raised StopIteration") from error


class AsTupleStage(Stage):
    """A dict's values of these names."""

    def __init__(self, verb: AsTuple, open_input: Open, state: State | None) -> None:
        self._input = open_input(input_state(state))
        self._names = verb.names

    def __next__(self) -> Any:
        element = next(self._input)
        if not isinstance(element, dict):
            raise TypeError(f"as_tuple() needs dicts, got {type(element).__name__}")
        return tuple(element[name] for name in self._names)
