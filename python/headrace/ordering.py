"""Verbs that say which elements there are, and in which order; and how they are read."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING

from .cardinality import UNKNOWN_CARDINALITY
from .chain import Chained
from .node import split
from .options import Options
from .parsed import parsed_together
from .verbs import Concatenate, Prefetch, Repeat, Shard, Shuffle, Skip, Take, WithOptions

if TYPE_CHECKING:
    from .dataset import Dataset

_WIDEST_WINDOW = 2**62  # as wide as the input


class Ordering(Chained):
    __slots__ = ()

    def take(self, count: int, name: str | None = None) -> Dataset:
        """The first `count` elements; -1: all."""
        return self._then(Take(max(-1, operator.index(count))))

    def skip(self, count: int, name: str | None = None) -> Dataset:
        """All but the first `count` elements; -1: none."""
        return self._then(Skip(max(-1, operator.index(count))))

    def repeat(self, count: int | None = None, name: str | None = None) -> Dataset:
        """All elements `count` times; None or -1: endlessly. Ends if a pass gives nothing."""
        return self._then(Repeat(-1 if count is None else max(-1, operator.index(count))))

    def shuffle(
        self,
        buffer_size: int,
        seed: int | None = None,
        reshuffle_each_iteration: bool | None = True,
        name: str | None = None,
    ) -> Dataset:
        """Elements in the random order of a window of `buffer_size`, for a given seed bit for bit
        the order of tf.data (without ``tf.random.set_seed``).

        With `reshuffle_each_iteration`, each pass over this dataset or one derived from it has
        another order, as has each pass of a ``repeat`` behind it: ``set_epoch`` says which comes
        next. UNKNOWN_CARDINALITY as `buffer_size` takes all elements into the window. Raises
        ValueError for another size below 1.
        """
        size = operator.index(buffer_size)
        if size == UNKNOWN_CARDINALITY:
            size = _WIDEST_WINDOW
        if size <= 0:
            raise ValueError("buffer_size must be greater than zero or UNKNOWN_CARDINALITY")
        number = None if seed is None else operator.index(seed)
        return self._then(Shuffle(size, number, reshuffle_each_iteration is not False))

    def shard(self, num_shards: int, index: int, name: str | None = None) -> Dataset:
        """Every `num_shards`-th element, from number `index` on. Raises ValueError for an index
        outside of [0, num_shards)."""
        shards, number = operator.index(num_shards), operator.index(index)
        if shards <= 0:
            raise ValueError(
                f"Number of shards must be greater than zero (currently num_shards = {shards})."
            )
        if not 0 <= number < shards:
            raise ValueError(
                f"Index must be between 0 and {shards - 1} (currently index = {number})."
            )
        return self._then(Shard(shards, number))

    def concatenate(self, dataset: Dataset, name: str | None = None) -> Dataset:
        """The elements of this dataset, then those of the other."""
        if not isinstance(dataset, Chained):
            raise TypeError(f"concatenate needs a Dataset, got {type(dataset).__name__}")
        (mine, other), parse = parsed_together([self._verbs, dataset._verbs])
        return self._of((*mine, Concatenate(other), *parse))

    # How it is read.

    def prefetch(self, buffer_size: int | None, name: str | None = None) -> Dataset:
        """Lets so many finished batches wait; None or AUTOTUNE: the core decides, as it does
        without this verb. Changes no element. Behind ``map`` it is the core's batches that wait."""
        size = -1 if buffer_size is None else operator.index(buffer_size)
        if size < -1:
            raise ValueError("buffer_size must be >= 0 or set buffer_size to be -1 for auto-tuning")
        return self._then(Prefetch(size))

    def with_options(self, options: Options, name: str | None = None) -> Dataset:
        """How the whole chain is read. Changes no element."""
        if not isinstance(options, Options):
            raise TypeError(f"with_options needs hr.Options, got {type(options).__name__}")
        return self._then(WithOptions(options))

    def options(self) -> Options:
        """What all ``with_options`` of the chain come to."""
        return split(self._verbs).options
