"""Files that are not in memory: what is read ahead of its time changes no value."""

import os

import numpy as np
import pytest

import headrace as hr
from data import plain, write_records

pytestmark = pytest.mark.skipif(
    not hasattr(os, "posix_fadvise"), reason="the system has no posix_fadvise"
)

RECORDS = [hr.encode_example({"n": i, "other": bytes(i % 7 * 1000)}) for i in range(4000)]
LARGE = [hr.encode_example({"n": i, "image": bytes([i]) * (100_000 + i)}) for i in range(90)]
SPEC = {"n": hr.FixedLenFeature([], np.int64), "image": hr.FixedLenFeature([], bytes)}


def drop(paths):
    for path in paths:
        with open(path, "rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def thread_count():
    return len(os.listdir("/proc/self/task"))


@pytest.mark.parametrize("mmap", [True, False])
@pytest.mark.parametrize("threads", [1, 3])
def test_values(tmp_path, threads, mmap):
    sizes = [4000, 1, 0, 500, 3000, 2]
    paths = [write_records(tmp_path / str(i), RECORDS[:n]) for i, n in enumerate(sizes)]
    dataset = hr.TFRecordDataset(paths).with_options(hr.Options(threads=threads, mmap=mmap))
    expected = [record for n in sizes for record in RECORDS[:n]]
    drop(paths)
    assert list(dataset) == expected
    iterator = iter(dataset.repeat())
    drop(paths)
    for record in expected * 2:
        assert next(iterator) == record
    state = iterator.state_dict()
    drop(paths)
    with iter(dataset.repeat()) as resumed:
        resumed.load_state_dict(state)
        assert [next(resumed) for _ in expected] == expected


@pytest.mark.parametrize("mmap", [True, False])
@pytest.mark.parametrize("verb", [lambda d: d, lambda d: d.skip(50), lambda d: d.shuffle(20, 1)])
def test_large_values(tmp_path, verb, mmap):
    paths = [write_records(tmp_path / str(i), LARGE[i::3]) for i in range(3)]
    options = hr.Options(mmap=mmap)

    def batches():
        dataset = verb(hr.TFRecordDataset(paths).parse_example(SPEC)).batch(8)
        return [plain(batch) for batch in dataset.with_options(options)]

    expected = batches()
    for _ in range(3):
        drop(paths)
        assert batches() == expected


@pytest.mark.parametrize("size", [0, 3_000_000, 8_000_000])
def test_a_file_that_is_cut_meanwhile(tmp_path, size):
    path = write_records(tmp_path / "data", LARGE)
    drop([path])
    dataset = hr.TFRecordDataset(path).parse_example(SPEC).batch(2)
    batches = iter(dataset.with_options(hr.Options(threads=1, prefetch=1)))
    assert next(batches)["n"].tolist() == [0, 1]
    os.truncate(path, size)
    seen = []
    with pytest.raises(hr.DataLossError):
        seen.extend(batches)  # as far as it goes
    for i, batch in enumerate(seen, start=1):
        assert batch["n"].tolist() == [2 * i, 2 * i + 1]
        assert batch["image"][1] == bytes([2 * i + 1]) * (100_001 + 2 * i)
    assert 2 * len(seen) < len(LARGE) - 2


@pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="threads are counted in /proc")
def test_threads_end(tmp_path):
    path = write_records(tmp_path / "data", LARGE)
    before = thread_count()
    for _ in range(5):
        drop([path])
        with iter(hr.TFRecordDataset(path).repeat().with_options(hr.Options(threads=2))) as records:
            assert [next(records) for _ in LARGE] == LARGE
    # A joined thread may be listed for a moment longer.
    assert any(thread_count() <= before for _ in range(10_000))
