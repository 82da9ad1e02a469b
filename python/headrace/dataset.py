"""Dataset: which elements, in which order."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

from . import files
from .iterator import DatasetIterator
from .node import passes_of, split
from .options import Options
from .sequence_spec import SequenceSpec
from .spec import Spec
from .stages import count_records
from .verbs import (
    INFINITE_CARDINALITY,
    UNKNOWN_CARDINALITY,
    AsTuple,
    Batch,
    Map,
    Parse,
    ParseSequences,
    Prefetch,
    Repeat,
    Shard,
    Shuffle,
    Skip,
    Source,
    Take,
    Verb,
    WithOptions,
    cardinality,
)

__all__ = ["Dataset"]

_WIDEST_WINDOW = 2**62  # as wide as the input


class Dataset:
    """A frozen description of elements and their order; ``iter()`` of it reads them.

    Cheap, picklable, hashable and comparable; has no threads and opens no file. Each verb gives a
    new dataset and leaves this one as it is. Verbs have `tf.data`'s names, parameters, defaults and
    meaning; parameters that change nothing here (``name``, ``deterministic``,
    ``num_parallel_calls``, ...) are accepted. Made by `TFRecordDataset`.

    Elements: without ``parse_example`` serialized records (``bytes``; a BytesArray in a batch),
    with it dicts in the order of the features. A single example holds NumPy scalars, arrays and
    ``bytes``; a batch holds columns.
    """

    __slots__ = ("_verbs",)

    _verbs: tuple[Verb, ...]

    def __init__(self) -> None:
        raise TypeError("a Dataset is made by TFRecordDataset and by the verbs of another dataset")

    @staticmethod
    def _of(verbs: tuple[Verb, ...]) -> Dataset:
        dataset = object.__new__(Dataset)
        object.__setattr__(dataset, "_verbs", verbs)
        return dataset

    def _then(self, verb: Verb) -> Dataset:
        return Dataset._of((*self._verbs, verb))

    # What an element is.

    def parse_example(
        self,
        features: Mapping[Any, Any],
        num_parallel_calls: int | None = None,
        deterministic: bool | None = None,
    ) -> Dataset:
        """Parses serialized Examples: elements become dicts, in the order of `features`.

        Before or behind ``batch`` makes no difference: a batch is parsed as a whole. Raises
        ValueError and TypeError with TensorFlow's text for features that cannot be.
        """
        self._check_serialized("parse_example")
        return self._then(Parse(Spec(features)))

    def parse_sequence_example(
        self,
        context_features: Mapping[Any, Any] | None = None,
        sequence_features: Mapping[Any, Any] | None = None,
        num_parallel_calls: int | None = None,
        deterministic: bool | None = None,
    ) -> Dataset:
        """Parses serialized SequenceExamples: elements become ``(context, sequences, lengths)``, as
        hr.parse_sequence_example gives them: behind ``batch`` for the whole batch, before it for
        each alone. Runs in the thread that asks for the element."""
        self._check_serialized("parse_sequence_example")
        return self._then(ParseSequences(SequenceSpec(context_features, sequence_features)))

    def _check_serialized(self, verb: str) -> None:
        if any(isinstance(other, (Parse, ParseSequences)) for other in self._verbs):
            raise TypeError(f"{verb}: the elements are parsed already")
        if sum(isinstance(other, Batch) for other in self._verbs) > 1:
            raise ValueError(
                "Expected serialized to be a scalar or vector: the dataset is batched twice"
            )

    def as_tuple(self, *names: str | bytes) -> Dataset:
        """Elements become tuples of these features, instead of dicts; of all of them without
        names. Raises KeyError for a feature that is not parsed."""
        if any(isinstance(verb, Map) for verb in self._verbs):
            if not names:
                raise ValueError("as_tuple behind map needs the names")
            return self._then(AsTuple(names))
        spec = next((verb.spec for verb in self._verbs if isinstance(verb, Parse)), None)
        if spec is None:
            raise TypeError("as_tuple needs dicts: say parse_example first")
        if any(isinstance(verb, AsTuple) for verb in self._verbs):
            raise TypeError("as_tuple: the elements are tuples already")
        for name in names:
            if name not in spec.features:
                raise KeyError(f"as_tuple: no feature {name!r}; there are {list(spec.features)}")
        return self._then(AsTuple(names or tuple(spec.features)))

    def map(
        self,
        map_func: Callable[..., Any],
        num_parallel_calls: int | None = None,
        deterministic: bool | None = None,
        synchronous: bool | None = None,
        use_unbounded_threadpool: bool = False,
        name: str | None = None,
    ) -> Dataset:
        """Calls a Python function for each element; its results are the elements. A tuple is
        unpacked into arguments. The function runs in the thread that asks for the element."""
        if not callable(map_func):
            raise TypeError(f"`map_func` must be callable, got {type(map_func).__name__}")
        return self._then(Map(map_func))

    # How many, and in which order.

    def batch(
        self,
        batch_size: int,
        drop_remainder: bool = False,
        num_parallel_calls: int | None = None,
        deterministic: bool | None = None,
        name: str | None = None,
    ) -> Dataset:
        """Combines `batch_size` consecutive elements; the last batch may be smaller, or is left out
        with `drop_remainder`. Raises ValueError for a size below 1."""
        size = operator.index(batch_size)
        if size <= 0:
            raise ValueError("Batch size must be greater than zero.")
        return self._then(Batch(size, bool(drop_remainder)))

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

    def apply(self, transformation_func: Callable[[Dataset], Dataset]) -> Dataset:
        """``transformation_func(self)``."""
        dataset = transformation_func(self)
        if not isinstance(dataset, Dataset):
            raise TypeError(
                "`transformation_func` must return a `tf.data.Dataset` object. Got "
                f"{type(dataset)}."
            )
        return dataset

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

    # Reading.

    def set_epoch(self, epoch: int) -> None:
        """The next ``iter()`` gives pass number `epoch` (from 0) of each shuffle in the chain.
        Moves all datasets that share the shuffle. Each pass of a ``repeat`` behind it counts."""
        number = operator.index(epoch)
        if number < 0:
            raise ValueError(f"an epoch is at least 0; got {number}")
        for passes in passes_of(self._verbs):
            passes.set(number)

    def __iter__(self) -> DatasetIterator:
        return DatasetIterator(self._verbs)

    def as_numpy_iterator(self) -> DatasetIterator:
        """Like ``iter()``, but strings come in arrays of objects instead of BytesArrays."""
        return DatasetIterator(self._verbs, to_numpy=True)

    def cardinality(self) -> int:
        """Number of elements as far as it is known without reading: INFINITE_CARDINALITY (-1) or
        UNKNOWN_CARDINALITY (-2) otherwise."""
        return cardinality(self._verbs, self._known_records())

    def count(self) -> int:
        """Number of elements; reads through the files if it must, and remembers what it found as
        long as their sizes stay. Raises ValueError for an endless dataset."""
        known = self.cardinality()
        if known == UNKNOWN_CARDINALITY:
            source = self._source()
            sizes = files.sizes(source.files)
            source.counted.records = count_records(split(self._verbs))
            source.counted.sizes = sizes
            known = self.cardinality()
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

    def _source(self) -> Source:
        source = self._verbs[0]
        assert isinstance(source, Source)
        return source

    def _known_records(self) -> int:
        source = self._source()
        if source.counted.sizes is None:
            return UNKNOWN_CARDINALITY
        try:
            unchanged = files.sizes(source.files) == source.counted.sizes
        except OSError:
            return UNKNOWN_CARDINALITY
        return source.counted.records if unchanged else UNKNOWN_CARDINALITY

    # What it is.

    def explain(self) -> None:
        """Prints the chain: what runs in the core and what in Python, and how."""
        parts = split(self._verbs)
        node = parts.node
        print(f"core    {node.source}")
        for verb in (*node.order, node.batch, node.spec and Parse(node.spec)):
            if verb is not None:
                print(f"        .{verb}")
        if node.names is not None:
            print(f"        .{AsTuple(node.names)}")
        for i, (verb, _) in enumerate(parts.behind):
            print(f"{'' if i else 'Python':8}.{verb}")
        print(f"how     {parts.options}")

    def __eq__(self, other: object) -> bool:
        return self._verbs == other._verbs if isinstance(other, Dataset) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._verbs)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a Dataset is frozen: cannot set {name!r}")

    def __reduce__(self) -> tuple[object, ...]:
        return Dataset._of, (self._verbs,)

    def __repr__(self) -> str:
        return "<Dataset " + ".".join(map(str, self._verbs)) + ">"
