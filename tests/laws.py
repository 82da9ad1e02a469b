"""Laws: what must hold for every dataset, whatever its verbs, and how values are compared."""

from __future__ import annotations

import itertools
import json
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import headrace as hr

THREADS = (1, 2, 8)


def bits(value: Any) -> Any:
    """A value as plain Python that is equal only for the same class, dtype, shape and bits: NaNs
    with the same payload are equal, 0.0 and -0.0 are not."""
    if isinstance(value, dict):
        return {key: bits(v) for key, v in value.items()}
    if isinstance(value, (tuple, list)):
        return type(value).__name__, [bits(v) for v in value]
    if isinstance(value, hr.RaggedArray):
        return "RaggedArray", bits(value.values), bits(value.row_splits)
    if isinstance(value, hr.SparseArray):
        return "SparseArray", bits(value.indices), bits(value.values), bits(value.dense_shape)
    if isinstance(value, hr.BytesArray):
        return "BytesArray", value.shape, value.tolist()
    if isinstance(value, (np.ndarray, np.generic)):
        data = value.tolist() if value.dtype == object else value.tobytes()
        return type(value).__name__, value.dtype.name, value.shape, data
    return type(value).__name__, value


def assert_same_values(actual: Any, expected: Any, where: str = "") -> None:
    """Bit for bit; dicts also in the same order of keys."""
    if isinstance(expected, dict) and isinstance(actual, dict):
        assert list(actual) == list(expected), where
        for key in expected:
            assert bits(actual[key]) == bits(expected[key]), f"{where} feature {key!r} differs"
    else:
        assert bits(actual) == bits(expected), where


def assert_same_elements(actual: list[Any], expected: list[Any], where: str = "") -> None:
    for i, (a, b) in enumerate(zip(actual, expected, strict=False)):
        assert_same_values(a, b, f"{where} element {i}:")
    assert len(actual) == len(expected), where


def with_threads(dataset: hr.Dataset, threads: int) -> hr.Dataset:
    return dataset.with_options(hr.Options(threads=threads))


def elements_of(dataset: hr.Dataset) -> list[Any]:
    """Of its first pass."""
    dataset.set_epoch(0)
    return list(dataset)


def assert_threads_change_nothing(dataset: hr.Dataset) -> None:
    """Nor does how far is read ahead, what of a window is kept, and how files are read. Of an
    endless dataset, `take` a part."""
    expected = elements_of(with_threads(dataset, 1))
    for threads in THREADS:
        assert_same_elements(elements_of(with_threads(dataset, threads)), expected)
    for options in (
        hr.Options(prefetch=1),
        hr.Options(memory_budget=1, threads=2),
        hr.Options(mmap=False),
    ):
        assert_same_elements(elements_of(dataset.with_options(options)), expected)


def assert_passes_are_independent(dataset: hr.Dataset) -> None:
    """A pass changes no other: one after the other, or two in step."""
    expected = elements_of(dataset)
    assert_same_elements(elements_of(dataset), expected)
    iterators = []
    for _ in range(2):
        dataset.set_epoch(0)
        iterators.append(iter(dataset))
    pairs = list(itertools.zip_longest(*iterators))
    assert_same_elements([a for a, _ in pairs], expected)
    assert_same_elements([b for _, b in pairs], expected)


def assert_elements_are_kept(dataset: hr.Dataset) -> None:
    """What was delivered is the consumer's: nothing writes to it afterwards."""
    kept, copies = [], []
    dataset.set_epoch(0)
    for element in dataset:
        kept.append(element)
        copies.append(bits(element))
    for i, (element, copy) in enumerate(zip(kept, copies, strict=True)):
        assert bits(element) == copy, f"element {i} was overwritten"


def assert_pickle_changes_nothing(dataset: hr.Dataset) -> None:
    again = pickle.loads(pickle.dumps(dataset))
    assert again == dataset
    assert hash(again) == hash(dataset)
    assert_same_elements(elements_of(again), elements_of(dataset))


def assert_resumes_everywhere(dataset: hr.Dataset) -> None:
    """A state taken after any element, before the first and behind the last too, leads to the
    same rest, through JSON and under other numbers of threads, and taking it disturbs nothing."""
    expected = elements_of(dataset)
    dataset.set_epoch(0)
    iterator = iter(dataset)
    states, elements = [json.dumps(iterator.state_dict())], []
    for element in iterator:
        elements.append(element)
        states.append(json.dumps(iterator.state_dict()))
    assert_same_elements(elements, expected)
    for threads, (done, state) in itertools.product(THREADS, enumerate(states)):
        with iter(with_threads(dataset, threads)) as resumed:
            resumed.load_state_dict(json.loads(state))
            assert json.loads(json.dumps(resumed.state_dict())) == json.loads(state)
            where = f"resumed after {done} elements with {threads} threads:"
            assert_same_elements(list(resumed), elements[done:], where)


def assert_empty_input_works(chain: Callable[[Any], hr.Dataset], folder: Any) -> None:
    """No files, an empty file and many of them give no elements."""
    empty = folder / "empty.tfrecord"
    empty.write_bytes(b"")
    for files in ([], [empty], [empty] * 20):
        for threads in THREADS:
            assert list(with_threads(chain(files), threads)) == []
    assert_resumes_everywhere(chain([empty]))


def assert_errors_pass_through(
    dataset: hr.Dataset, error: type[Exception], elements: int, match: str
) -> None:
    """So many elements come first, then this error, and it stays."""
    for threads in THREADS:
        with iter(with_threads(dataset, threads)) as iterator:
            for i in range(elements):
                assert next(iterator, None) is not None, f"the end came before element {i}"
            with pytest.raises(error, match=match) as first:
                next(iterator)
            with pytest.raises(error) as second:
                next(iterator)
            assert str(second.value) == str(first.value)


def assert_laws(dataset: hr.Dataset, *, in_step: bool = True) -> None:
    """Those that need nothing but the dataset. Not two passes `in_step` where repeat, in Python,
    has a shuffle before it: as in TensorFlow, each of their epochs takes the next of its orders."""
    assert_threads_change_nothing(dataset)
    if in_step:
        assert_passes_are_independent(dataset)
    assert_elements_are_kept(dataset)
    assert_pickle_changes_nothing(dataset)
    assert_resumes_everywhere(dataset)
