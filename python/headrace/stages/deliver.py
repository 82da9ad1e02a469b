"""as_torch, as_jax and prefetch_to_device: elements as tensors, here or on a device.

They are no part of a state: one of the chain without them, or with another device, is the same.
"""

from __future__ import annotations

import collections
from typing import Any

from .. import _core
from ..jax_arrays import device_called, on_device
from ..lane import Copies, Lane, open_lane
from ..tensors import in_place
from ..verbs import AsJax, AsTorch, PrefetchToDevice
from .stage import Inexact, Open, Stage, State, remember, told


class AsTorchStage(Stage):
    """With a device, its copies run on the stream that is current in next()."""

    def __init__(self, verb: AsTorch, open_input: Open, state: State | None) -> None:
        self._input = open_input(state)
        self._device = verb.device
        self._lane: Lane | None = None

    def __next__(self) -> Any:
        if self._device is None:
            return in_place(next(self._input))
        if self._lane is None:
            # Before the input is asked: memory is page-locked only once a GPU is in use.
            self._lane = open_lane(self._device, beside=False)
        return self._lane.copy(next(self._input)).element

    def state(self) -> State:
        return self._input.state()


class AsJaxStage(Stage):
    def __init__(self, verb: AsJax, open_input: Open, state: State | None) -> None:
        self._input = open_input(state)
        self._device = None if verb.device is None else device_called(verb.device)

    def __next__(self) -> Any:
        return on_device(next(self._input), self._device)

    def state(self) -> State:
        return self._input.state()


class PrefetchToDeviceStage(Stage):
    """Copies of the next elements run beside what the consumer does. It is the consumer's thread
    that starts them, in next(); with something to deliver it does not wait for the input."""

    def __init__(
        self, verb: PrefetchToDevice, ours: bool, open_input: Open, state: State | None
    ) -> None:
        """`ours`: nobody but this stage has seen the input's arrays."""
        self._input = open_input(state)
        self._device, self._size, self._ours = verb.device, verb.buffer_size, ours
        self._lane: Lane | None = None
        self._ahead: collections.deque[tuple[Copies, State | Inexact]] = collections.deque()
        self._under_way: collections.deque[Copies] = collections.deque()
        self._position = remember(self._input)
        self._failure: Exception | None = None  # of the input: its turn comes behind the others

    def __next__(self) -> Any:
        if self._lane is None:
            self._lane = open_lane(self._device, beside=True)
        self._let_go()
        if not self._ahead and self._failure is None:
            self._advance(self._lane)
        if not self._ahead:
            assert self._failure is not None
            failure, self._failure = self._failure, None  # the input says it again, or goes on
            self._position = remember(self._input)
            raise failure
        copies, self._position = self._ahead.popleft()
        if not isinstance(self._position, Inexact):
            self._input.delivered(self._position)
        element = copies.deliver()
        while self._failure is None and len(self._ahead) < self._size and self._input.ready():
            self._advance(self._lane)
        return element

    def _advance(self, lane: Lane) -> None:
        try:
            copies = lane.copy(next(self._input))
        except Exception as error:
            self._failure = error
            return
        self._ahead.append((copies, remember(self._input)))
        self._under_way.append(copies)

    def _let_go(self) -> None:
        """Of host memory whose copies are done."""
        while self._under_way and self._under_way[0].done():
            copies = self._under_way.popleft()
            if self._ours:
                _core.copies_done(copies.sources)
            copies.sources = []

    def state(self) -> State:
        return told(self._position)

    def close(self) -> None:
        # Copies may be under way: the pool waits for those from its memory, as for anybody's.
        self._ahead.clear()
        self._under_way.clear()
        self._input.close()
