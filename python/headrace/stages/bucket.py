"""bucket_by_sequence_length: batches of elements that are about as long."""

from __future__ import annotations

import bisect
from typing import Any

from ..verbs import BucketBySequenceLength
from .pad import padded
from .stack import stack
from .stage import Inexact, Open, Stage, State, input_state, remember, told
from .structure import call, mapped


class BucketStage(Stage):
    """A bucket that is full becomes a batch; at the end what is left does, short ones first. A
    state holds where the input was before the oldest waiting element, and the number and bucket of
    each one that waits."""

    def __init__(self, verb: BucketBySequenceLength, open_input: Open, state: State | None) -> None:
        self._verb = verb
        self._buckets: list[list[Any]] = [[] for _ in verb.sizes]
        # By number, the oldest first: the bucket, and where the input was before the element.
        self._waiting: dict[int, tuple[int, State | Inexact]] = {}
        self._input = open_input(input_state(state))
        self._number = 0
        self._ended = False
        if state is not None:
            wanted = {int(number): int(bucket) for number, bucket in state["waiting"]}
            for number in range(int(state["elements"])):
                before = remember(self._input)
                self._add(next(self._input), wanted.get(number), before)

    def _add(self, element: Any, bucket: int | None, before: State | Inexact) -> None:
        if bucket is not None:
            self._buckets[bucket].append((self._number, element))
            self._waiting[self._number] = bucket, before
        self._number += 1

    def __next__(self) -> Any:
        while not self._ended:
            before = remember(self._input)
            try:
                element = next(self._input)
            except StopIteration:
                self._ended = True
                break
            length = int(call(self._verb.function, element))
            bucket = bisect.bisect_right(self._verb.boundaries, length)
            self._add(element, bucket, before)
            if len(self._buckets[bucket]) == self._verb.sizes[bucket]:
                return _batch(self._verb, bucket, self._take(bucket))
        for bucket in range(0 if self._verb.drop_remainder else len(self._buckets)):
            if self._buckets[bucket]:
                return _batch(self._verb, bucket, self._take(bucket))
        raise StopIteration

    def _take(self, bucket: int) -> list[Any]:
        waiting, self._buckets[bucket] = self._buckets[bucket], []
        for number, _ in waiting:
            del self._waiting[number]
        return [element for _, element in waiting]

    def state(self) -> State:
        if not self._waiting:
            return {"waiting": [], "elements": 0, **super().state()}
        first = next(iter(self._waiting))
        waiting = [[number - first, bucket] for number, (bucket, _) in self._waiting.items()]
        position = told(self._waiting[first][1])
        return {"waiting": waiting, "elements": self._number - first, "input": position}


def _batch(verb: BucketBySequenceLength, bucket: int, elements: list[Any]) -> Any:
    if not verb.padded:
        return stack(elements)
    shapes = verb.shapes
    if verb.to_boundary:
        if bucket == len(verb.boundaries):
            raise ValueError(
                "When pad_to_bucket_boundary=True, elements must have length < "
                "max(bucket_boundaries)."
            )
        shapes = _bounded(shapes, elements[0], verb.boundaries[bucket] - 1)
    return padded(elements, shapes, verb.values)


def _bounded(shapes: Any, like: Any, boundary: int) -> Any:
    """Extents that are not given are the boundary."""
    if shapes is None:
        return mapped(lambda leaf: [boundary] * getattr(leaf, "ndim", 0), like)
    if isinstance(shapes, dict):
        return {key: _bounded(shape, like[key], boundary) for key, shape in shapes.items()}
    if isinstance(like, tuple):
        return tuple(_bounded(s, e, boundary) for s, e in zip(shapes, like, strict=True))
    return [boundary if n in (None, -1) else n for n in shapes]
