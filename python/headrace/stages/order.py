"""take, skip, shard and enumerate behind a Python stage, or over batches."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..verbs import Enumerate, Shard, Skip, Take
from .stage import Open, Stage, State, input_state


class TakeStage(Stage):
    def __init__(self, verb: Take, open_input: Open, state: State | None) -> None:
        self._input = open_input(input_state(state))
        self._count = verb.count
        self._taken = 0 if state is None else int(state["taken"])

    def __next__(self) -> Any:
        if self._taken == self._count:
            raise StopIteration
        element = next(self._input)
        self._taken += 1
        return element

    def state(self) -> State:
        return {"taken": self._taken, **super().state()}


class SkipStage(Stage):
    def __init__(self, verb: Skip, open_input: Open, state: State | None) -> None:
        self._input = open_input(input_state(state))
        self._count = verb.count
        self._skipped = 0 if state is None else int(state["skipped"])

    def __next__(self) -> Any:
        while self._skipped != self._count:
            next(self._input)
            self._skipped += 1
        return next(self._input)

    def state(self) -> State:
        return {"skipped": self._skipped, **super().state()}


class ShardStage(Stage):
    def __init__(self, verb: Shard, open_input: Open, state: State | None) -> None:
        self._input = open_input(input_state(state))
        self._num_shards, self._index = verb.num_shards, verb.index
        self._position = 0 if state is None else int(state["position"])

    def __next__(self) -> Any:
        while True:
            element = next(self._input)
            self._position += 1
            if (self._position - 1) % self._num_shards == self._index:
                return element

    def state(self) -> State:
        return {"position": self._position, **super().state()}


class EnumerateStage(Stage):
    def __init__(self, verb: Enumerate, open_input: Open, state: State | None) -> None:
        self._input = open_input(input_state(state))
        self._number = verb.start if state is None else int(state["number"])

    def __next__(self) -> Any:
        element = next(self._input)
        self._number += 1
        return np.int64(self._number - 1), element

    def state(self) -> State:
        return {"number": self._number, **super().state()}
