"""Dataset: which elements, in which order."""

from __future__ import annotations

import operator
from typing import Any

from . import files
from .at import element_at
from .batching import Batching
from .cardinality import INFINITE_CARDINALITY, UNKNOWN_CARDINALITY, cardinality
from .delivery import Delivery
from .element_spec import element_spec
from .elements import Elements
from .explain import explanation
from .iterator import DatasetIterator
from .node import split
from .ordering import Ordering
from .origins import Origins
from .sources import Source, detached, links, record_sources
from .stages import count_records
from .verbs import Shuffle

__all__ = ["Dataset"]


class Dataset(Elements, Ordering, Batching, Delivery, Origins):
    """A frozen description of elements and their order; ``iter()`` of it reads them.

    Cheap, picklable, hashable and comparable; has no threads and opens no file. Each verb gives a
    new dataset and leaves this one as it is. Verbs have `tf.data`'s names, parameters, defaults and
    meaning; parameters that change nothing here (``name``, ``deterministic``,
    ``num_parallel_calls``, ...) are accepted. Made by `TFRecordDataset` and by
    ``Dataset.range``, ``Dataset.from_tensor_slices``, ....

    Elements: without ``parse_example`` serialized records (``bytes``; a BytesArray in a batch),
    with it dicts in the order of the features. A single example holds NumPy scalars, arrays and
    ``bytes``; a batch holds columns.
    """

    __slots__ = ()

    def set_epoch(self, epoch: int) -> None:
        """The next ``iter()`` gives pass number `epoch` (from 0) of each shuffle in the chain.
        Moves all datasets that share the shuffle. Each pass of a ``repeat`` behind it counts."""
        number = operator.index(epoch)
        if number < 0:
            raise ValueError(f"an epoch is at least 0; got {number}")
        for verb in links(self._verbs):
            if isinstance(verb, Shuffle):
                verb.passes.set(number)

    def __iter__(self) -> DatasetIterator:
        return DatasetIterator(self._verbs)

    def as_numpy_iterator(self) -> DatasetIterator:
        """Like ``iter()``, but strings come in arrays of objects instead of BytesArrays."""
        return DatasetIterator(self._verbs, to_numpy=True)

    def __getitem__(self, which: Any) -> Any:
        """``dataset[i]`` is the element of this number, ``dataset[[3, 1, 4]]`` a batch of several:
        of a dataset of files in their order, parsed or not. Makes an index when it is first needed.
        Raises IndexError, and TypeError for other datasets."""
        return element_at(self._verbs, which)

    def cardinality(self) -> int:
        """Number of elements as far as it is known without reading: INFINITE_CARDINALITY (-1) or
        UNKNOWN_CARDINALITY (-2) otherwise."""
        return cardinality(self._verbs)

    def count(self) -> int:
        """Number of elements; reads through the files if it must, and remembers what it found as
        long as their sizes stay. Behind a verb that calls a Python function it iterates. Raises
        ValueError for an endless dataset."""
        known = self.cardinality()
        if known == UNKNOWN_CARDINALITY:
            for source in record_sources(self._verbs):
                _count(source, self._verbs)
            known = self.cardinality()
        if known == UNKNOWN_CARDINALITY:
            with DatasetIterator(detached(self._verbs)) as iterator:
                return sum(1 for _ in iterator)
        if known == INFINITE_CARDINALITY:
            raise ValueError("the dataset is endless")
        return known

    def __len__(self) -> int:
        """As in tf.data a TypeError, unless the number of elements is known without reading."""
        known = self.cardinality()
        if known == INFINITE_CARDINALITY:
            raise TypeError("The dataset is infinite.")
        if known == UNKNOWN_CARDINALITY:
            raise TypeError("The dataset length is unknown.\ndataset.count() finds it.")
        return known

    def __bool__(self) -> bool:
        return True

    @property
    def element_spec(self) -> Any:
        """What elements look like: TensorSpec, RaggedTensorSpec and SparseTensorSpec in the
        structure of an element. Behind a Python function, what its first element looks like: it is
        read for that."""
        return element_spec(self._verbs)

    def explain(self) -> None:
        """Prints the chain: what runs in the core and what in Python, how, and what windows cost in
        memory and when going on from a state."""
        print(explanation(self._verbs))


def _count(source: Source, chain: Any) -> None:
    """Learns the number of records."""
    if source.names is None and source.counted.sizes is None:
        sizes = files.sizes(source.files)
        source.counted.records = count_records(source, split(chain))
        source.counted.sizes = sizes
