"""A failure in any record, whatever the files, the batches and the threads: the complete batches
before it come first, then its error, which stays."""

import pytest

import headrace as hr
import laws
import oracle
from oracle import floats, ints

RECORDS = 11
SPEC = {"a": hr.FixedLenFeature([], "int64"), "r": hr.RaggedFeature("int64")}
LAYOUTS = {"one file": [11], "small files": [1] * 11, "several": [0, 5, 0, 4, 2, 0]}


def write(folder, layout, bad, damage):
    """Files of so many records; the record `bad` is damaged."""
    paths, number = [], 0
    for i, count in enumerate(LAYOUTS[layout]):
        framed = []
        for _ in range(count):
            wrong_kind = damage == "kind" and number == bad
            features = {b"a": floats(1) if wrong_kind else ints(number), b"r": ints(*range(number))}
            record = oracle.frame(oracle.encode_example(features))
            if damage == "checksum" and number == bad:
                record = record[:-1] + bytes([record[-1] ^ 1])
            framed.append(record)
            number += 1
        paths.append(folder / f"{i}.tfrecord")
        paths[-1].write_bytes(b"".join(framed))
    return hr.TFRecordDataset(paths).parse_example(SPEC)


FAILURES = {
    "kind": (hr.ParseError, "Data types don't match"),
    "checksum": (hr.CorruptedError, "checksum"),
}


@pytest.mark.parametrize("size", [1, 4, 8, 20])
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("damage", FAILURES)
def test_a_bad_record(tmp_path, damage, layout, size):
    error, match = FAILURES[damage]
    for bad in range(RECORDS):
        dataset = write(tmp_path, layout, bad, damage).batch(size)
        laws.assert_errors_pass_through(dataset, error, bad // size, match)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("damage", FAILURES)
def test_a_bad_record_among_single_examples(tmp_path, damage, layout):
    error, match = FAILURES[damage]
    for bad in range(RECORDS):
        laws.assert_errors_pass_through(write(tmp_path, layout, bad, damage), error, bad, match)


@pytest.mark.parametrize("damage", FAILURES)
def test_in_a_batch_that_would_be_dropped(tmp_path, damage):
    """Its records are read all the same."""
    error, match = FAILURES[damage]
    dataset = write(tmp_path, "several", RECORDS - 1, damage).batch(4, drop_remainder=True)
    laws.assert_errors_pass_through(dataset, error, 2, match)
