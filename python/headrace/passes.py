"""Passes: how often a shuffle has begun, the one thing of a dataset that moves."""

from __future__ import annotations

import secrets
import weakref
from typing import Any, Protocol

_SEED_WITHOUT_GRAPH_SEED = 87654321
_MODULUS = 2**31 - 1


class _Reader(Protocol):
    def tell_passes(self) -> None: ...


class Passes:
    """The counter of one ``shuffle`` and, where the dataset names none, its seed.

    Shared by the datasets that were derived from the same ``shuffle``, as they share one generator
    in TensorFlow; kept by pickle; no part of what a dataset is compared by.
    """

    def __init__(self) -> None:
        self._next = 0
        self._era = 0  # counts calls of set()
        self._drawn: tuple[int, int] | None = None
        # Stages that begin passes of their own accord and say so when asked.
        self._readers: weakref.WeakSet[Any] = weakref.WeakSet()

    def take(self) -> int:
        """The number of the pass that begins now."""
        for reader in list(self._readers):
            reader.tell_passes()
        self._next += 1
        return self._next - 1

    def set(self, number: int) -> None:
        """This will be the next pass, whatever the readers of today have begun."""
        self._readers.clear()
        self._era += 1
        self._next = number

    def listen(self, reader: _Reader) -> int:
        """From now on the reader is asked how far it is; the era that it belongs to."""
        self._readers.add(reader)
        return self._era

    def begun(self, number: int, era: int) -> None:
        """A reader has begun this pass: the next one is behind it."""
        if era == self._era:
            self._next = max(self._next, number + 1)

    def seeds(self, seed: int | None) -> tuple[int, int]:
        """tf.data's two seeds of a shuffle with this one; drawn at random for None, but once."""
        if seed is None:
            if self._drawn is None:
                self._drawn = (secrets.randbits(64), secrets.randbits(64))
            return self._drawn
        return _SEED_WITHOUT_GRAPH_SEED, seed % _MODULUS

    def adopt(self, seeds: tuple[int, int]) -> None:
        """Goes on with seeds that were drawn elsewhere."""
        self._drawn = seeds

    def copy(self) -> Passes:
        restored, arguments = self.__reduce__()
        copied: Passes = restored(*arguments)
        return copied

    def __reduce__(self) -> tuple[Any, ...]:
        for reader in list(self._readers):
            reader.tell_passes()
        return _restored, (self._next, self._drawn)


def _restored(number: int, drawn: tuple[int, int] | None) -> Passes:
    passes = Passes()
    passes._next, passes._drawn = number, drawn
    return passes
