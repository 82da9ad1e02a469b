"""parse_example behind a Python stage, and parse_sequence_example."""

from __future__ import annotations

from typing import Any

from ..arrays import BytesArray
from ..verbs import Parse, ParseSequences
from .stage import Open, Stage, State, input_state


class ParseStage(Stage):
    """Batches of serialized protos, or single ones; whatever the function before it made of
    them."""

    is_map = True

    def __init__(self, verb: Parse | ParseSequences, open_input: Open, state: State | None) -> None:
        self._input = open_input(input_state(state))
        self._spec = verb.spec

    def __next__(self) -> Any:
        element = next(self._input)
        if isinstance(element, BytesArray) and element.ndim == 1:
            return self._spec.parse(element, [], False)
        if isinstance(element, (bytes, str)):
            record = element.encode() if isinstance(element, str) else element
            return self._spec.parse([record], [], True)
        raise TypeError(
            "parsing needs serialized protos: bytes, or a batch of them; got "
            f"{type(element).__name__}"
        )
