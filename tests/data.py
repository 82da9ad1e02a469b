"""Files for the tests of the Python layer, and plain Python models of what comes out of them."""

from __future__ import annotations

import itertools

import numpy as np

import headrace as hr

SPEC = {
    "number": hr.FixedLenFeature([], np.int64),
    "vector": hr.FixedLenFeature([3], np.float32),
    "name": hr.FixedLenFeature([], bytes),
    "list": hr.RaggedFeature(np.int64),
}


def example(number: int) -> dict:
    """What record `number` holds."""
    return {
        "number": number,
        "vector": [number + 0.5, -number, 2.0],
        "name": b"record %d" % number,
        "list": list(range(number % 4)),
    }


def write_records(path, records) -> str:
    with hr.TFRecordWriter(path) as writer:
        for record in records:
            writer.write(record)
    return str(path)


def write_examples(folder, counts, first=0) -> list[str]:
    """Files with so many Examples each, numbered through."""
    paths, numbers = [], itertools.count(first)
    for i, count in enumerate(counts):
        records = [hr.encode_example(example(next(numbers))) for _ in range(count)]
        paths.append(write_records(folder / f"part-{i:03}.tfrecord", records))
    return paths


def plain(element):
    """An element without NumPy: nested lists, numbers and bytes, to compare with."""
    if isinstance(element, dict):
        return {key: plain(value) for key, value in element.items()}
    if isinstance(element, tuple):
        return tuple(plain(item) for item in element)
    return element.tolist() if hasattr(element, "tolist") else element


def stacked(elements):
    """What a batch of such elements is, without NumPy."""
    first = elements[0]
    if isinstance(first, dict):
        return {key: stacked([element[key] for element in elements]) for key in first}
    return list(elements)


class Model:
    """A dataset as a lazy list: the verbs in their most obvious form."""

    def __init__(self, make):
        self._make = make

    def __iter__(self):
        return iter(self._make())

    def map(self, function):
        return Model(lambda: map(function, self))

    def take(self, count):
        return Model(lambda: itertools.islice(self, count) if count >= 0 else self)

    def skip(self, count):
        return Model(lambda: itertools.islice(self, count, None) if count >= 0 else iter(()))

    def shard(self, num_shards, index):
        return Model(lambda: itertools.islice(self, index, None, num_shards))

    def repeat(self, count=None):
        def passes():
            for _ in itertools.count() if count in (None, -1) else range(count):
                empty = True
                for element in self:
                    empty = False
                    yield element
                if empty:
                    return

        return Model(passes)

    def batch(self, size, drop_remainder=False):
        def batches():
            elements = iter(self)
            while batch := list(itertools.islice(elements, size)):
                if len(batch) == size or not drop_remainder:
                    yield stacked(batch)

        return Model(batches)

    def parse_example(self, features):
        assert features is SPEC
        return self  # a model of parsed records has them parsed already
