"""Verbs that say which elements there are, and in which order; and how they are read."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING

from .cardinality import UNKNOWN_CARDINALITY
from .chain import Chained
from .node import split
from .options import Options
from .parsed import parsed_together
from .sources import Source
from .verbs import (
    HOW,
    Concatenate,
    Parse,
    Prefetch,
    Repeat,
    Shard,
    ShardEven,
    Shuffle,
    ShuffleAll,
    Skip,
    Take,
    WithOptions,
)

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
        buffer_size: int | None,
        seed: int | None = None,
        reshuffle_each_iteration: bool | None = True,
        name: str | None = None,
    ) -> Dataset:
        """Elements in the random order of a window of `buffer_size`, for a given seed bit for bit
        the order of tf.data (without ``tf.random.set_seed``).

        With `reshuffle_each_iteration`, each pass over this dataset or one derived from it has
        another order, as has each pass of a ``repeat`` behind it: ``set_epoch`` says which comes
        next. UNKNOWN_CARDINALITY as `buffer_size` takes all elements into the window.

        None is a uniform permutation of all records, another one in each pass, without a window:
        through an index, which is made when it is first needed. It stands behind files in their
        order, and ``skip``, ``take`` and ``shard`` of their records. Raises ValueError elsewhere,
        and for another size below 1.
        """
        number = None if seed is None else operator.index(seed)
        reshuffle = reshuffle_each_iteration is not False
        if buffer_size is None:
            self._check_indexed("shuffle(None)", (Skip, Take, Shard, ShardEven))
            return self._then(ShuffleAll(-1, number, reshuffle))
        size = operator.index(buffer_size)
        if size == UNKNOWN_CARDINALITY:
            size = _WIDEST_WINDOW
        if size <= 0:
            raise ValueError("buffer_size must be greater than zero or UNKNOWN_CARDINALITY")
        return self._then(Shuffle(size, number, reshuffle))

    def shard(
        self, num_shards: int, index: int, name: str | None = None, *, even: str | None = None
    ) -> Dataset:
        """Every `num_shards`-th element, from number `index` on. Raises ValueError for an index
        outside of [0, num_shards).

        even: every shard has the same number of records, which an index tells. "drop" leaves out
            the last ones, "wrap" takes the stream's first ones again, "pad" the shard's first one
            again: each parsed element then has a bool ``valid``, False for those. Only as the first
            verb behind files in their order.
        """
        shards, number = operator.index(num_shards), operator.index(index)
        if shards <= 0:
            raise ValueError(
                f"Number of shards must be greater than zero (currently num_shards = {shards})."
            )
        if not 0 <= number < shards:
            raise ValueError(
                f"Index must be between 0 and {shards - 1} (currently index = {number})."
            )
        if even is None:
            return self._then(Shard(shards, number))
        if even not in ("drop", "pad", "wrap"):
            raise ValueError(f"even must be 'drop', 'pad' or 'wrap'; got {even!r}")
        self._check_indexed(f"shard(even={even!r})", ())
        return self._then(ShardEven(shards, number, even))

    def _check_indexed(self, what: str, behind: tuple[type, ...]) -> None:
        source = self._verbs[0]
        if not isinstance(source, Source) or source.interleaving or source.names is not None:
            raise ValueError(f"{what} needs files in their order, not {source}")
        for verb in self._verbs[1:]:
            if not isinstance(verb, (Parse, *HOW, *behind)):
                raise ValueError(f"{what} needs the numbers of records: it cannot follow {verb}")

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
