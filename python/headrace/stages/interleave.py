"""interleave and flat_map: datasets that a function makes of elements, by turns."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..verbs import Chain, Interleave
from .stage import Inexact, Open, Stage, State, input_state, remember, told
from .structure import call


class _Places:
    """The datasets that are read by turns, and each with where the input was before its element."""

    def __init__(self, verb: Interleave, open_chain: Callable[[Chain], Open]) -> None:
        self._function, self._open_chain = verb.function, open_chain
        self.stages: list[Stage | None] = [None] * verb.cycle_length
        self._before: list[State | Inexact] = [{}] * verb.cycle_length

    def fill(self, i: int, source: Stage, state: State | None = None) -> None:
        """Raises StopIteration if there is no further element."""
        before = remember(source)
        dataset = call(self._function, next(source))
        chain: Chain | None = getattr(dataset, "_verbs", None)
        if chain is None:
            raise TypeError(
                "The `map_func` argument must return a `Dataset` object. Got "
                f"{type(dataset).__name__!r}."
            )
        self._before[i] = before
        self.stages[i] = self._open_chain(chain)(state)

    def state(self) -> list[Any]:
        return [
            None if stage is None else [told(before), stage.state()]
            for stage, before in zip(self.stages, self._before, strict=True)
        ]

    def refill(self, states: list[Any], open_input: Open) -> None:
        for i, state in enumerate(states):
            if state is not None:
                source = open_input(state[0])
                self.fill(i, source, state[1])
                source.close()


class InterleaveStage(Stage):
    """A place without a dataset is filled at its turn. A state holds, for each place, where the
    input was before the element that its dataset was made of, so that it can be made again."""

    def __init__(
        self,
        verb: Interleave,
        open_input: Open,
        open_chain: Callable[[Chain], Open],
        state: State | None,
    ) -> None:
        self._block = verb.block_length
        self._places = _Places(verb, open_chain)
        self._place = self._given = 0
        if state is not None:
            self._place, self._given = map(int, state["turn"])
            self._places.refill(state["places"], open_input)
        self._input = open_input(input_state(state))
        self._ended = False

    def __next__(self) -> Any:
        stages = self._places.stages
        while True:
            stage = stages[self._place]
            if stage is not None:
                for element in stage:
                    self._given += 1
                    if self._given == self._block:
                        self._next_place()
                    return element
                stage.close()
                stages[self._place] = None
                self._next_place()
            elif not self._ended:
                try:
                    self._places.fill(self._place, self._input)
                except StopIteration:
                    self._ended = True
            elif any(stages):
                self._next_place()
            else:
                raise StopIteration

    def _next_place(self) -> None:
        self._place = (self._place + 1) % len(self._places.stages)
        self._given = 0

    def state(self) -> State:
        turn = [self._place, self._given]
        return {"turn": turn, "places": self._places.state(), **super().state()}

    def close(self) -> None:
        super().close()
        for stage in self._places.stages:
            if stage is not None:
                stage.close()
