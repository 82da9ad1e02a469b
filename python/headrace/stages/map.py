"""map: a Python function over elements."""

from __future__ import annotations

import collections
import concurrent.futures
from typing import Any

from ..verbs import AsTuple, Map
from .stage import Inexact, Open, Stage, State, input_state, remember, told
from .structure import call


class MapStage(Stage):
    """An exception of the function comes out of next(); the element is then used up."""

    is_map = True

    def __init__(self, verb: Map, open_input: Open, state: State | None) -> None:
        self._input = open_input(input_state(state))
        self._function = verb.function

    def __next__(self) -> Any:
        return call(self._function, next(self._input))


class ParallelMapStage(Stage):
    """Several calls at a time, their results in the order of the elements."""

    is_map = True

    def __init__(self, verb: Map, open_input: Open, state: State | None) -> None:
        self._input = open_input(input_state(state))
        self._function, self._calls = verb.function, verb.calls
        self._workers: concurrent.futures.Executor | None = None
        # Each with where the input is behind its element.
        self._waiting: collections.deque[tuple[concurrent.futures.Future[Any], State | Inexact]]
        self._waiting = collections.deque()
        self._position = remember(self._input)
        self._failure: Exception | None = None  # of the input: its turn comes behind the others

    def __next__(self) -> Any:
        if self._workers is None:
            self._workers = concurrent.futures.ThreadPoolExecutor(self._calls, "headrace-map")
        while self._failure is None and len(self._waiting) < self._calls:
            try:
                element = next(self._input)
            except Exception as error:
                self._failure = error
                break
            call_under_way = self._workers.submit(call, self._function, element)
            self._waiting.append((call_under_way, remember(self._input)))
        if self._waiting:
            result, self._position = self._waiting.popleft()
            return result.result()
        assert self._failure is not None
        failure, self._failure = self._failure, None  # the input says it again, or goes on
        self._position = remember(self._input)
        raise failure

    def state(self) -> State:
        return {"input": told(self._position)}

    def close(self) -> None:
        if self._workers is not None:
            self._workers.shutdown(wait=True, cancel_futures=True)
        self._input.close()


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
