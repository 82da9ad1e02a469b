"""Stage: one pass over one verb."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import _core

State = dict[str, Any]  # small and JSON-able
Open = Callable[["State | None"], "Stage"]


class Inexact(RuntimeError):
    """Raised by state() where going on from a state would not be exact."""


class Stage:
    """An iterator over elements that can say where it is.

    Made from the function that opens its input and, to go on from there, a state that an earlier
    stage of the same verb gave. Not for several threads at once.
    """

    is_map = False  # where TensorFlow's pipeline has a map(), which it fuses with batch()

    _input: Stage

    def __iter__(self) -> Stage:
        return self

    def __next__(self) -> Any:
        raise NotImplementedError

    def loader(self) -> _core.Loader | None:
        """The one whose batches are the elements of this stage, so that who iterates may take those
        that are ready from it without asking the stage."""
        return None

    def ready(self) -> bool:
        """Whether next() will probably not wait for data."""
        source = getattr(self, "_input", None)
        return source is None or source.ready()

    def state(self) -> State:
        """The position behind the last element that was delivered. Disturbs nothing."""
        return {"input": self._input.state()}

    def delivered(self, state: State) -> None:
        """Told by a stage behind this one that reads ahead: the consumer is at this state."""
        source = getattr(self, "_input", None)
        if source is not None and "input" in state:
            source.delivered(state["input"])

    def stats(self) -> dict[str, Any]:
        """What the loader has counted so far."""
        return self._input.stats()

    def close(self) -> None:
        """Ends the loader's threads. May be called again."""
        self._input.close()


def input_state(state: State | None) -> State | None:
    """The input's part of a state."""
    return None if state is None else state["input"]


def remember(stage: Stage) -> State | Inexact:
    """Its state, for later; where it has none, what told() will raise."""
    try:
        return stage.state()
    except Inexact as reason:
        return reason


def told(state: State | Inexact) -> State:
    """A remembered state. Raises Inexact if there was none."""
    if isinstance(state, Inexact):
        raise state
    return state
