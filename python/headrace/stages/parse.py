"""parse_example behind a Python stage."""

from __future__ import annotations

from typing import Any

from .. import _core
from ..arrays import BytesArray
from ..verbs import Parse
from .stage import Open, Stage, State, input_state


class ParseStage(Stage):
    """Batches of serialized Examples, or single ones; whatever the function before it made of
    them."""

    is_map = True

    def __init__(self, verb: Parse, open_input: Open, state: State | None) -> None:
        self._input = open_input(input_state(state))
        self._spec = verb.spec

    def __next__(self) -> Any:
        element = next(self._input)
        if isinstance(element, BytesArray) and element.ndim == 1:
            records = [element.view(i) for i in range(len(element))]
            return self._spec.batch(_core.parse_examples(records, self._spec.schema, False, []))
        if isinstance(element, (bytes, str)):
            record = element.encode() if isinstance(element, str) else element
            parts = _core.parse_examples([record], self._spec.schema, True, [])
            return self._spec.examples(parts)[0]
        raise TypeError(
            "parse_example needs serialized Examples: bytes, or a batch of them; got "
            f"{type(element).__name__}"
        )
