"""Records so large that only their headers are read before it is known which are wanted."""

import os

import numpy as np
import pytest

import headrace as hr
from data import write_records
from laws import (
    assert_errors_pass_through,
    assert_resumes_everywhere,
    assert_same_elements,
    assert_threads_change_nothing,
)

LARGE, SMALL = 70_000, 10
FRAME = 16


def record(number, size):
    return hr.encode_example({"number": number, "other": bytes([number % 251]) * size})


# Large ones, then small ones, one that is larger than many blocks, and large ones again.
SIZES = [LARGE + 5000 * (i % 9) for i in range(40)] + [SMALL] * 300 + [3_000_000] + [LARGE] * 20
RECORDS = [record(i, size) for i, size in enumerate(SIZES)]
OFFSETS = np.cumsum([0] + [len(data) + FRAME for data in RECORDS])
NUMBER = {"number": hr.FixedLenFeature([], np.int64)}


@pytest.fixture
def path(tmp_path):
    return write_records(tmp_path / "large.tfrecord", RECORDS)


def numbers(dataset):
    return [int(n) for batch in dataset.parse_example(NUMBER).batch(7) for n in batch["number"]]


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_all_of_them_in_order(path, threads):
    dataset = hr.TFRecordDataset([path, path]).with_options(hr.Options(threads=threads))
    everything = list(range(len(RECORDS)))
    assert numbers(dataset) == everything * 2
    assert numbers(dataset.shard(7, 5)) == (everything * 2)[5::7]
    assert numbers(dataset.skip(30).take(320)) == (everything * 2)[30:350]
    assert numbers(dataset.repeat(2)) == everything * 4


def test_raw_rows(tmp_path):
    rows = np.random.default_rng(1).integers(0, 256, (30, 100_001), np.uint8)
    examples = [hr.encode_example({"row": row.tobytes()}) for row in rows]
    file = write_records(tmp_path / "raw", examples)
    dataset = hr.TFRecordDataset(file).parse_example({"row": hr.RawFeature([100_001], np.uint8)})
    expected = [{"row": rows[i : i + 8]} for i in range(0, 30, 8)]
    assert_same_elements(list(dataset.batch(8)), expected)
    assert_threads_change_nothing(dataset.batch(8))
    assert_same_elements([e["row"] for e in dataset], list(rows))


def test_resume(path):
    dataset = hr.TFRecordDataset(path).parse_example(NUMBER)
    assert_resumes_everywhere(dataset.shard(3, 1).batch(16))


def test_only_what_is_wanted_is_read(tmp_path):
    file = write_records(tmp_path / "file", RECORDS[:40])
    dataset = hr.TFRecordDataset(file).shard(10, 9).parse_example(NUMBER).batch(4)
    with iter(dataset.with_options(hr.Options(threads=1))) as iterator:
        assert [batch["number"].tolist() for batch in iterator] == [[9, 19, 29, 39]]
        assert iterator.stats()["bytes_read"] < OFFSETS[40] / 3


class TestDamage:
    AT = 33

    def damaged(self, path, place):
        with open(path, "r+b") as file:
            file.seek(OFFSETS[self.AT] + place)
            byte = file.read(1)[0]
            file.seek(OFFSETS[self.AT] + place)
            file.write(bytes([byte ^ 1]))
        return hr.TFRecordDataset(path).parse_example(NUMBER).batch(4)

    @pytest.mark.parametrize("place", [0, 7, 9, 12, 50_000, LARGE])
    def test_in_header_and_data(self, path, place):
        dataset = self.damaged(path, place)
        match = f"record {self.AT} at byte {OFFSETS[self.AT]}"
        assert_errors_pass_through(dataset, hr.CorruptedError, self.AT // 4, match)

    @pytest.mark.parametrize("left", [1, 11, 12, 15, 60_000])
    def test_torn(self, path, left):
        os.truncate(path, OFFSETS[self.AT] + left)
        dataset = hr.TFRecordDataset(path).parse_example(NUMBER).batch(4)
        match = f"record {self.AT} at byte {OFFSETS[self.AT]}"
        assert_errors_pass_through(dataset, hr.TruncatedError, self.AT // 4, match)

    def test_a_file_that_shrinks_on_the_way(self, path):
        dataset = hr.TFRecordDataset([path] * 4).parse_example(NUMBER).batch(1)
        options = hr.Options(threads=1, prefetch=1)
        with iter(dataset.with_options(options)) as iterator:
            seen = [int(next(iterator)["number"][0]) for _ in range(3)]
            os.truncate(path, OFFSETS[20] + 100)
            with pytest.raises(hr.DataLossError, match="changed while being read"):
                seen.extend(int(batch["number"][0]) for batch in iterator)
        assert seen == list(range(len(seen)))
        assert len(seen) <= len(RECORDS)
