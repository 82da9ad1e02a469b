"""Batches of SequenceExamples, which the core's threads parse: each is what the function gives for
its records, whichever half of the parser takes them, and under every law."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

import headrace as hr
from data import write_records
from fake_gpu import compile_driver, run
from laws import (
    assert_empty_input_works,
    assert_laws,
    assert_same_elements,
    elements_of,
    with_threads,
)

sys.path.insert(0, str(Path(__file__).parent / "golden"))
from example_writer import BYTES, FLOAT, INT64, entries, feature, lists, sequence

CONTEXT = {
    "c": hr.FixedLenFeature([], np.int64),
    "d": hr.FixedLenFeature([2], np.float32, [0.5, 1.5]),
    "v": hr.VarLenFeature(np.int64),
    "w": hr.RaggedFeature(bytes),
}
ROWS = {
    "f": hr.FixedLenSequenceFeature([], np.int64),
    "g": hr.FixedLenSequenceFeature([2], np.float32, allow_missing=True),
    "s": hr.FixedLenSequenceFeature([], bytes),
    "u": hr.VarLenFeature(np.float32),
    "r": hr.RaggedFeature(np.int64, row_splits_dtype=np.int64),
    "t": hr.RaggedFeature(bytes),
}


def record(n, size=3):
    """Number n: rows that are missing, none, few and many."""
    rows = [*range(n % 5)]
    listed = {
        "f": [feature(INT64, [n * 1000 + i]) for i in rows],
        "s": [feature(BYTES, [b"x" * (size * i)]) for i in rows],
        "u": [feature(FLOAT, [float(i)] * (i % 3)) for i in rows],
        "r": [feature(INT64, [-i] * (n % 4)) for i in rows],
        "t": [feature(BYTES, [b"t" * i, b"%d" % n][: i + 1]) for i in rows],
    }
    if n % 3:
        listed["g"] = [feature(FLOAT, [i + 0.5, -0.0]) for i in rows]
    context = {
        "c": feature(INT64, [n]),
        "v": feature(INT64, [n] * (n % 3)),
        "w": feature(BYTES, [b"w"] * (n % 2)),
        "not wanted": feature(FLOAT, [1.5]),
    }
    if n % 2:
        context["d"] = feature(FLOAT, [n + 0.25, 2.0])
    return sequence(entries(**context), lists(**listed))


def odd(n):
    """One that only the exact grammar reads: its context in two messages."""
    return record(n) + sequence(entries(c=[-n]), b"")


@pytest.fixture(scope="module", params=["canonical", "some of them odd"])
def files(request, tmp_path_factory):
    """Of different sizes, one empty."""
    folder = tmp_path_factory.mktemp("files")
    make = iter(
        odd(n) if n % 17 == 5 and request.param != "canonical" else record(n) for n in range(100)
    )
    return [
        write_records(folder / f"{count}-{i}", [next(make) for _ in range(count)])
        for i, count in enumerate([30, 0, 1, 50, 19])
    ]


def parsed(batches):
    return batches.parse_sequence_example(CONTEXT, ROWS)


def assert_parses_its_batches(batches):
    expected = [hr.parse_sequence_example(batch, CONTEXT, ROWS) for batch in elements_of(batches)]
    assert expected
    assert_same_elements(elements_of(parsed(batches)), expected)


ORDERS = {
    "in order": lambda ds: ds.batch(8),
    "one at a time": lambda ds: ds.take(20).batch(1),
    "all at once": lambda ds: ds.batch(1000),
    "whole batches": lambda ds: ds.batch(7, drop_remainder=True),
    "a part": lambda ds: ds.skip(5).shard(2, 1).batch(4).take(3),
    "a window": lambda ds: ds.shuffle(16, seed=3).batch(8),
    "passes of a window": lambda ds: ds.shuffle(9, seed=3).repeat(2).batch(11),
    "all shuffled": lambda ds: ds.shuffle(None, seed=4).batch(8),
    "behind Python": lambda ds: ds.filter(lambda r: len(r) % 2 == 0).batch(8),
}


@pytest.mark.parametrize("order", ORDERS)
def test_a_batch_is_what_the_function_gives(files, order):
    assert_parses_its_batches(ORDERS[order](hr.TFRecordDataset(files)))


@pytest.mark.parametrize("order", ["in order", "a part", "a window", "all shuffled"])
def test_laws(files, order):
    assert_laws(parsed(ORDERS[order](hr.TFRecordDataset(files))))


def test_records_of_the_exact_grammar_are_counted(files):
    odd_ones = sum(len(r) != len(record(n)) for n, r in enumerate(hr.TFRecordDataset(files)))
    for size in (1, 8):
        batches = iter(parsed(hr.TFRecordDataset(files).batch(size)))
        assert sum(len(context["c"]) for context, _, _ in batches) == 100
        slow = batches.stats()["slow_records"]
        assert slow == odd_ones if size == 1 else odd_ones <= slow <= size * odd_ones


def test_files_in_turns(files):
    turns = hr.TFRecordDataset(files, num_parallel_reads=3).batch(8)
    assert_parses_its_batches(turns)
    assert_laws(parsed(turns))


def test_verbs_behind_it(files):
    batches = parsed(hr.TFRecordDataset(files).batch(8))
    expected = elements_of(batches)
    assert_same_elements(elements_of(batches.skip(2).take(4)), expected[2:6])
    assert_same_elements(
        elements_of(batches.map(lambda *parts: parts[2])), [e[2] for e in expected]
    )
    assert_same_elements(elements_of(batches.repeat(2)), expected * 2)


def test_empty_input_works(tmp_path):
    assert_empty_input_works(lambda files: parsed(hr.TFRecordDataset(files).batch(8)), tmp_path)


@pytest.mark.parametrize("mmap", [True, False])
def test_large_records(tmp_path, mmap):
    path = write_records(tmp_path / "a", [record(n, size=200_000) for n in range(40)])
    records = hr.TFRecordDataset(path).with_options(hr.Options(mmap=mmap))
    assert_parses_its_batches(records.batch(3))
    assert_parses_its_batches(records.shuffle(5, seed=1).batch(3))


def test_an_error_is_that_of_its_batch(tmp_path):
    """As for every function in Python, what follows it can still be had."""
    records = [record(n) for n in range(40)]
    records[19] = sequence(entries(c=[1, 2]), lists(f=[], s=[]))
    records[30] = b"\x0a"
    path = write_records(tmp_path / "a", records)
    for threads in (1, 4):
        batches = iter(with_threads(parsed(hr.TFRecordDataset(path).batch(8)), threads))
        assert [next(batches)[0]["c"].tolist() for _ in range(2)] == [
            [*range(8)], [*range(8, 16)]
        ]  # fmt: skip
        with pytest.raises(hr.ParseError, match="Inconsistent max number of elements"):
            next(batches)
        with pytest.raises(hr.ParseError, match="Invalid protocol message input") as error:
            next(batches)
        assert error.value.record == 6
        assert next(batches)[0]["c"].tolist() == [*range(32, 40)]
        assert next(batches, None) is None


def test_a_damaged_record_ends_the_stream(tmp_path):
    path = write_records(tmp_path / "a", [record(n) for n in range(40)])
    data = bytearray(Path(path).read_bytes())
    data[-20] ^= 1
    Path(path).write_bytes(data)
    batches = iter(parsed(hr.TFRecordDataset(path).batch(8)))
    assert len([next(batches) for _ in range(4)]) == 4
    for _ in range(2):
        with pytest.raises(hr.CorruptedError, match="record 39"):
            next(batches)
    assert batches.stats()["slow_records"] == 0
    skipping = hr.TFRecordDataset(path, on_corruption="skip").batch(8)
    with pytest.warns(RuntimeWarning, match="damaged records were passed over"):
        assert [len(c["c"]) for c, _, _ in parsed(skipping)] == [8, 8, 8, 8, 7]


def test_where_it_runs(files, capsys):
    def explained(dataset):
        dataset.explain()
        return capsys.readouterr().out

    files = hr.TFRecordDataset(files)
    in_core = explained(parsed(files.batch(8)).take(2))
    assert in_core.startswith("core")
    assert "Python" not in in_core
    assert ".parse_sequence_example(10 features)" in in_core
    for chain in (files, files.map(bytes).batch(8)):
        assert "Python  ." in explained(parsed(chain))


def test_page_locked(tmp_path):
    program = """
import sys
import headrace as hr
from fake_gpu import FakeGpu
from laws import assert_same_elements
from test_sequence_batches import CONTEXT, ROWS

gpu = FakeGpu()
gpu.use(0)
plain = hr.TFRecordDataset(sys.argv[1]).batch(8).parse_sequence_example(CONTEXT, ROWS)
pinned = plain.with_options(hr.Options(pin_memory=True, threads=2, prefetch=2))
assert_same_elements(list(pinned), list(plain))
copies = []
for context, rows, lengths in pinned:
    arrays = [
        context["c"], context["d"], context["w"].values.data, rows["f"], rows["g"], rows["s"].data,
        rows["s"].offsets, rows["r"].flat_values,
    ]
    for array in arrays:
        copies.append((gpu.copy(array), array.tobytes()))
        assert gpu.was_asynchronous or not array.size
    del array, arrays, context, rows, lengths
gpu.wait()
assert copies and all(copy.tobytes() == expected for copy, expected in copies)
"""
    path = write_records(tmp_path / "a", [record(n) for n in range(100)])
    run(program, compile_driver(tmp_path), path)
