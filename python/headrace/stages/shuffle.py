"""shuffle behind a Python stage, over batches, or behind another shuffle."""

from __future__ import annotations

import collections
from typing import Any

from .. import _core
from ..verbs import Shuffle, Verb
from .stage import Inexact, Open, Stage, State, input_state, remember, told

_MARKS = 64  # in a window: a restore reads no more than one of their distances too much


class ShuffleStage(Stage):
    """tf.data's order, like the core's window. Its state is where the input was when the oldest
    element of the window came, and how many have come and gone: a restore reads from there."""

    def __init__(
        self, verb: Shuffle, function: Verb | None, open_input: Open, state: State | None
    ) -> None:
        """`function`: a verb before it whose Python function would have to be called again."""
        self._verb, self._function = verb, function
        self._pass = verb.begin(state)
        lo, hi = verb.passes.seeds(verb.seed)
        self._numbers = _core.Shuffle(verb.size, lo, hi, verb.reshuffle, self._pass)
        self._input = open_input(input_state(state))
        self._ended = False
        first, drawn, pushed = (0, 0, 0) if state is None else map(int, state["window"])
        self._window = _Window(first, self._input, verb.size)
        if pushed:
            wanted = set(self._numbers.resume(drawn, pushed))
            for number in range(first, pushed):
                self._window.add(number, next(self._input), number in wanted)

    def __next__(self) -> Any:
        numbers = self._numbers
        while not (numbers.full() or self._ended):
            self._window.mark(numbers.pushed())
            try:
                element = next(self._input)
            except StopIteration:
                self._ended = True
                break
            self._window.add(numbers.push(), element)
        if numbers.empty():
            raise StopIteration
        return self._window.elements.pop(numbers.draw())

    def state(self) -> State:
        if self._function is not None:
            raise Inexact(
                f"{self._verb} has no exact state: its window lies behind {self._function}, whose "
                "function would have to be called again. Shuffle before it."
            )
        pushed = self._numbers.pushed()
        first, position = self._window.start(pushed)
        window = [first, self._numbers.drawn(), pushed]
        return {"window": window, "input": told(position), **self._verb.kept(self._pass)}


class _Window:
    """The elements that have come and not gone, by number, the oldest first; and where the input
    was before some of them."""

    def __init__(self, first: int, source: Stage, size: int) -> None:
        self.elements: dict[int, Any] = {}
        self._source = source
        self._stride = max(1, min(size, 1 << 16) // _MARKS)
        self._marks = collections.deque([(first, remember(source))])

    def add(self, number: int, element: Any, wanted: bool = True) -> None:
        if wanted:
            self.elements[number] = element

    def mark(self, number: int) -> None:
        """Before the element of this number is asked for."""
        if number % self._stride == 0 and number > self._marks[-1][0]:
            self._drop_marks(number)
            self._marks.append((number, remember(self._source)))

    def start(self, number: int) -> tuple[int, State | Inexact]:
        """The last place before all elements, if this is the number of the next one."""
        if not self.elements:
            self._marks = collections.deque([(number, remember(self._source))])
        self._drop_marks(number)
        return self._marks[0]

    def _drop_marks(self, number: int) -> None:
        oldest = next(iter(self.elements), number)
        while len(self._marks) > 1 and self._marks[1][0] <= oldest:
            self._marks.popleft()
