"""Verbs that say what an element is."""

from __future__ import annotations

import operator
import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from .chain import Chained
from .options import AUTOTUNE
from .sequence_spec import SequenceSpec
from .sources import Source
from .spec import Spec
from .verbs import (
    AsTuple,
    Batch,
    Cache,
    Enumerate,
    Filter,
    Interleave,
    Map,
    Parse,
    ParseSequences,
    ShardEven,
    TakeWhile,
)

if TYPE_CHECKING:
    from .dataset import Dataset


class Elements(Chained):
    __slots__ = ()

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
        each alone, in the thread that asks for the element."""
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
            flag = name == "valid" and any(isinstance(verb, ShardEven) for verb in self._verbs)
            if name not in spec.features and not flag:
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
        unpacked into arguments. The function runs in the thread that asks for the element; with
        `num_parallel_calls` so many run ahead in threads of their own (AUTOTUNE: one for each CPU),
        the order stays."""
        if not callable(map_func):
            raise TypeError(f"`map_func` must be callable, got {type(map_func).__name__}")
        return self._then(Map(map_func, _calls(num_parallel_calls)))

    def filter(self, predicate: Callable[..., Any], name: str | None = None) -> Dataset:
        """The elements for which a Python function is true."""
        return self._then(Filter(_checked("predicate", predicate)))

    def take_while(self, predicate: Callable[..., Any], name: str | None = None) -> Dataset:
        """The elements before the first for which a Python function is false."""
        return self._then(TakeWhile(_checked("predicate", predicate)))

    def flat_map(self, map_func: Callable[..., Dataset], name: str | None = None) -> Dataset:
        """The elements of the datasets that a function makes of elements, one after another.

        With ``hr.TFRecordDataset`` as the function, over a dataset of file names, in the core.
        """
        return self.interleave(map_func, 1, 1)

    def interleave(
        self,
        map_func: Callable[..., Dataset],
        cycle_length: int | None = None,
        block_length: int | None = None,
        num_parallel_calls: int | None = None,
        deterministic: bool | None = None,
        name: str | None = None,
    ) -> Dataset:
        """The elements of the datasets that a function makes of elements: of `cycle_length` of them
        by turns, `block_length` elements at a time.

        With ``hr.TFRecordDataset`` as the function, over a dataset of file names, it runs in the
        core; else in Python, in the same order. A `cycle_length` of None or AUTOTUNE is 1 here: in
        TensorFlow the order then depends on the machine. Raises ValueError for lengths below 1.
        """
        from .tfrecord_dataset import TFRecordDataset

        _checked("map_func", map_func)
        cycle = 1 if cycle_length in (None, AUTOTUNE) else operator.index(cycle_length)
        block = 1 if block_length is None else operator.index(block_length)
        if cycle <= 0:
            raise ValueError("`cycle_length` must be > 0")
        if block <= 0:
            raise ValueError("`block_length` must be > 0")
        if map_func is TFRecordDataset:
            interleaving = None if cycle == 1 else (cycle, block, True)
            return self._of((Source((), "raise", interleaving, self._verbs),))
        return self._then(Interleave(map_func, cycle, block))

    def enumerate(self, start: int = 0, name: str | None = None) -> Dataset:
        """Pairs of a number (int64, from `start` on) and the element."""
        return self._then(Enumerate(operator.index(start)))

    def cache(self, filename: str = "", name: str | None = None) -> Dataset:
        """Keeps the elements of a pass that reaches the end, in memory; later passes over this
        dataset, or one derived from it, are given those. Caching in a file is not supported yet."""
        if filename:
            raise NotImplementedError("cache in a file is not supported yet: cache() uses memory")
        return self._then(Cache())

    def apply(self, transformation_func: Callable[[Dataset], Dataset]) -> Dataset:
        """``transformation_func(self)``."""
        dataset = transformation_func(self)  # type: ignore[arg-type]  # it is a Dataset
        if not isinstance(dataset, Chained):
            raise TypeError(
                "`transformation_func` must return a `tf.data.Dataset` object. Got "
                f"{type(dataset)}."
            )
        return dataset


def _checked(argument: str, function: Any) -> Any:
    if not callable(function):
        raise TypeError(f"`{argument}` must be callable, got {type(function).__name__}")
    return function


def _calls(parallel: int | None) -> int:
    if parallel is None:
        return 1
    number = operator.index(parallel)
    if number == AUTOTUNE:
        return os.cpu_count() or 1
    if number < 1:
        raise ValueError(f"`num_parallel_calls` must be at least 1, or AUTOTUNE; got {number}")
    return number
