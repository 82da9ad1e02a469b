"""Files that are not in memory: what is asked for ahead of its time changes no value."""

import os

import pytest

import headrace as hr
from data import write_records

RECORDS = [hr.encode_example({"n": i, "other": bytes(i % 7 * 1000)}) for i in range(4000)]


def drop(path):
    with open(path, "rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


@pytest.mark.skipif(not hasattr(os, "posix_fadvise"), reason="the system has no posix_fadvise")
@pytest.mark.parametrize("threads", [1, 3])
def test_values(tmp_path, threads):
    sizes = [4000, 1, 0, 500, 3000, 2]
    paths = [write_records(tmp_path / str(i), RECORDS[:n]) for i, n in enumerate(sizes)]
    dataset = hr.TFRecordDataset(paths).with_options(hr.Options(threads=threads))
    expected = [record for n in sizes for record in RECORDS[:n]]
    for path in paths:
        drop(path)
    assert list(dataset) == expected
    iterator = iter(dataset.repeat())
    for path in paths:
        drop(path)
    for record in expected * 2:
        assert next(iterator) == record
    state = iterator.state_dict()
    for path in paths:
        drop(path)
    with iter(dataset.repeat()) as resumed:
        resumed.load_state_dict(state)
        assert [next(resumed) for _ in expected] == expected
